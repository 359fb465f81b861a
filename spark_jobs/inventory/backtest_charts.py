"""The charts of the back-test; each takes rows of inv_backtest_segments and gives an Altair chart, as ``charts`` does."""

import altair as alt
import numpy as np
import pandas as pd

from spark_jobs.common.report import theme
from spark_jobs.common.report.layers import layered


def calibration(segments: pd.DataFrame) -> alt.LayerChart:
    """Service aimed at against service achieved; rows of inv_backtest_segments. Segments of one target stand side by
    side, in the order of their names.
    """
    place = segments.groupby("target")["segment"].rank(method="first")
    among = segments.groupby("target")["segment"].transform("size")
    targets = np.sort(segments["target"].unique())
    apart = float(np.diff(targets).min()) if len(targets) > 1 else 0.02
    figures = ["segment", "method", "target", "achieved_cycle", "achieved_lo", "achieved_hi", "windows"]
    shown = segments[figures].assign(at=segments["target"] + (place - (among + 1) / 2) / among * apart * 0.7)
    color, shape = _by_method(segments)
    base = alt.Chart(shown).encode(
        x=alt.X(
            "at:Q", title="Target", axis=alt.Axis(format="~%", values=targets.tolist()), scale=alt.Scale(zero=False)
        ),
    )
    percent, scale = alt.Axis(format="~%"), alt.Scale(zero=False)
    achieved = base.mark_point().encode(
        y=alt.Y("achieved_cycle:Q", title="Achieved", axis=percent, scale=scale),
        color=color,
        shape=shape,
        tooltip=[
            "segment:N",
            "method:N",
            "target:Q",
            "achieved_cycle:Q",
            "achieved_lo:Q",
            "achieved_hi:Q",
            "windows:Q",
        ],
    )
    interval = base.mark_rule().encode(color=color.legend(None), y="achieved_lo:Q", y2="achieved_hi:Q")
    ends = pd.DataFrame({"at": [targets.min(), targets.max()]})
    diagonal = alt.Chart(ends).mark_line(color=theme.GREY, strokeDash=[6, 4], strokeWidth=1).encode(x="at:Q", y="at:Q")
    return layered(diagonal, interval, achieved, legend_of_last=True)


def trade_off(segment: pd.DataFrame) -> alt.LayerChart:
    """What each method's service costs; rows of inv_backtest_segments of one segment, a line a method."""
    figures = ["method", "target", "holding_value", "achieved_fill", "stockouts"]
    known = segment.dropna(subset=["holding_value", "achieved_fill"])[figures]
    color, shape = _by_method(known)
    base = alt.Chart(known).encode(
        x=alt.X(
            "holding_value:Q", title="Mean value in stock", axis=alt.Axis(format="~s"), scale=alt.Scale(zero=False)
        ),
        y=alt.Y("achieved_fill:Q", title="Demand met at once", axis=alt.Axis(format="~%"), scale=alt.Scale(zero=False)),
        tooltip=["method:N", "target:Q", "holding_value:Q", "achieved_fill:Q", "stockouts:Q"],
    )
    line = base.mark_line(strokeWidth=1).encode(order="target:Q", color=color.legend(None))
    marks = base.mark_point(size=70).encode(color=color, shape=shape)
    return layered(line, marks, legend_of_last=True)


def _by_method(rows: pd.DataFrame) -> tuple[alt.Color, alt.Shape]:
    """Colour and shape with one legend, which they have only where both name their domain."""
    scale = alt.Scale(domain=sorted(rows["method"].unique()))
    legend = alt.Legend(columns=1)
    return (
        alt.Color("method:N", title="Method", scale=scale, legend=legend),
        alt.Shape("method:N", title="Method", scale=scale, legend=legend),
    )
