"""The charts of cells: each takes rows as ``shown.cells`` gives them, if it does not say else, and gives an Altair chart.

What a reader picks is a parameter of the chart, so that it needs no server and works wherever the chart stands.
"""

from typing import Any

import altair as alt
import numpy as np
import pandas as pd

from spark_jobs.audience import filters, marks
from spark_jobs.common.report import theme
from spark_jobs.common.report.layers import layered

# Bars a side, points, pixels and segments of a map that a reader can take in.
BARS, POINTS, MAP_PIXELS, MAP_SEGMENTS = 10, 1_500, 40, 50
# -log10 q beyond which a point is drawn at the edge.
SURE = 300
# Doublings at which the colours of the map end.
_FULL = 2
# For long names, so that bars have room on a phone too.
_ROOM = alt.ExprRef("min(340, containerSize()[0] / 2)")
_ALL = tuple(filters.COLUMNS)
_TOLD = ["advertiser_id", "pixel_id", "group_id", "shown_up_to", "segment", "pixel", "group", "status"]


def top(cells: pd.DataFrame) -> alt.LayerChart:
    """The most over- and under-indexed of the picked cells as bars from 100, with their intervals.

    Each side begins with the cells whose interval lies furthest out, so that few users do not make a high bar.
    """
    figures = ["matched_users", "group_users", "audience_index", "ci_low", "ci_high", "q_value"]
    told = cells.assign(**{name: marks.doublings(cells[of]) for name, of in _DRAWN.items()}, even=0)
    y = alt.Y(
        "name:N",
        title=None,
        sort=alt.EncodingSortField("audience_index", order="descending"),
        axis=alt.Axis(labelLimit=_ROOM),
    )
    x = alt.X("at:Q", title="Index", axis=marks.index_axis())
    bars = (
        alt.Chart().mark_bar().encode(x=x, x2="even:Q", y=y, color=marks.by_status(), tooltip=marks.tooltip(*figures))
    )
    whiskers = alt.Chart().mark_rule(strokeWidth=1.25).encode(x="low:Q", x2="high:Q", y=y)
    even = alt.Chart().mark_rule().encode(x=alt.X("even:Q", aggregate="min"))
    data, params = marks.rows(told, *_TOLD, *figures, *_DRAWN, "even"), filters.controls(cells, *_ALL)
    drawn = layered(bars, whiskers, even, height=alt.Step(22), data=data, params=params)
    return _furthest_out(drawn.transform_filter(filters.picked(*_ALL)).transform_calculate(name=_name(cells)))


def volcano(cells: pd.DataFrame) -> alt.LayerChart:
    """How far a cell lies from 100 against how sure that is; cells without a q value are left out."""
    known = cells.dropna(subset=["q_value"])
    known = known.assign(
        at=marks.doublings(known["audience_index"]), sure=-np.log10(known["q_value"].clip(lower=10.0**-SURE))
    )
    figures = ["matched_users", "audience_index", "q_value"]
    points = (
        alt.Chart(marks.rows(known, *_TOLD, *figures, "at", "sure"))
        .transform_filter(filters.picked(*_ALL))
        .transform_window(place="row_number()", sort=[alt.SortField("sure", order="descending")])
        .transform_filter(f"datum.place <= {POINTS}")
        .mark_point(opacity=0.75)
        .encode(
            x=alt.X("at:Q", title="Index", axis=marks.index_axis()),
            y=alt.Y("sure:Q", title="Significance (-log10 q)", scale=alt.Scale(type="sqrt")),
            color=marks.by_status(),
            tooltip=marks.tooltip(*figures),
        )
    )
    line = alt.Chart(pd.DataFrame({"x": [0.0], "y": [-np.log10(0.05)]})).mark_rule(color=theme.GREY, strokeDash=[6, 4])
    return layered(line.encode(x="x:Q"), line.encode(y="y:Q"), points, params=filters.controls(cells, *_ALL))


def heatmap(cells: pd.DataFrame) -> alt.LayerChart:
    """Segments by pixels, the index as a colour: of the picked cells the largest pixels and the segments that differ
    most; rows of ``shown.grid``.
    """
    which = [name for name in _ALL if name != filters.PIXEL]
    figures = ["matched_users", "group_users", "audience_index"]
    told = cells.assign(at=marks.doublings(cells["audience_index"]).clip(-_FULL, _FULL))
    ends = {-_FULL: "≤ 25", _FULL: "≥ 400"}
    label = " : ".join(f"datum.value == {at} ? '{text}'" for at, text in ends.items())
    color = alt.Color(
        "at:Q",
        title="Index",
        scale=alt.Scale(domain=[-_FULL, 0, _FULL], range=list(theme.DIVERGING), interpolate="lab"),
        legend=alt.Legend(
            direction="horizontal",
            gradientLength=240,
            values=[-2, -1, 0, 1, 2],
            labelExpr=f"{label} : {marks.AS_INDEX}",
        ),
    )
    tiles = (
        alt.Chart()
        .mark_rect(stroke="#FFFFFF", strokeWidth=0.5)
        .encode(
            x=alt.X("pixel:N", title=None, sort=_first("pixel_rank"), axis=_crowded(-90)),
            y=alt.Y("segment:N", title=None, sort=_first("segment_place"), axis=_crowded(0)),
            color=color,
            tooltip=marks.tooltip(*figures),
        )
    )
    data = marks.rows(told, *_TOLD, "pixel_rank", "segment_rank", "segment_place", *figures, "at")
    drawn = layered(tiles, height=alt.Step(16), data=data, params=filters.controls(cells, *which))
    drawn = drawn.transform_filter(filters.picked(*which))
    return _largest(_largest(drawn, "pixel_rank", MAP_PIXELS), "segment_rank", MAP_SEGMENTS)


_DRAWN = {"at": "audience_index", "low": "ci_low", "high": "ci_high"}


def _name(cells: pd.DataFrame) -> str:
    """A bar is a segment, or a segment at a pixel where there are several; an expression of Vega."""
    if cells["pixel_id"].nunique() == 1:
        return "datum.segment"
    return f"{filters.PIXEL} == null ? datum.segment + ' · ' + datum.pixel : datum.segment"


def _furthest_out(drawn: alt.LayerChart) -> alt.LayerChart:
    ranked = drawn.transform_calculate(above="datum.at > 0").transform_calculate(
        out="datum.above ? datum.low : -datum.high"
    )
    ranked = ranked.transform_window(
        place="row_number()", groupby=["above"], sort=[{"field": "out", "order": "descending"}]
    )
    return ranked.transform_filter(f"datum.place <= {BARS}")


def _largest(drawn: alt.LayerChart, rank: str, most: int) -> alt.LayerChart:
    place: dict[str, Any] = {f"{rank}_here": "dense_rank()"}
    ranked = drawn.transform_window(sort=[{"field": rank}], **place)
    return ranked.transform_filter(f"datum.{rank}_here <= {most}")


def _first(rank: str) -> alt.EncodingSortField:
    return alt.EncodingSortField(rank, op="min")


def _crowded(angle: int) -> alt.Axis:
    return alt.Axis(
        labelAngle=angle, labelOverlap="greedy", labelFontSize=11, labelLimit=160, ticks=False, domain=False
    )
