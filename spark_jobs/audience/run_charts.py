"""The charts of runs: how many cells came to which status, and how an index moves from day to day."""

import altair as alt
import pandas as pd

from spark_jobs.audience import filters, marks
from spark_jobs.common.report import theme
from spark_jobs.common.report.layers import layered


def by_status(counted: pd.DataFrame) -> alt.LayerChart:
    """Cells by status, in the order given; columns status, cells, share."""
    color = alt.Color(
        "status:N",
        legend=None,
        scale=alt.Scale(
            domain=counted["status"].tolist(),
            range=[marks.COLORS.get(status, theme.LIGHT_GREY) for status in counted["status"]],
        ),
    )
    base = alt.Chart(counted[["status", "cells", "share"]]).encode(
        y=alt.Y(
            "status:N",
            title=None,
            sort=counted["status"].tolist(),
            axis=alt.Axis(labelExpr="replace(datum.label, /_/g, ' ')"),
        ),
        x=alt.X(
            "cells:Q",
            # The figures beside the bars say it.
            axis=None,
            # Room for the figure beside the longest bar, on a phone too.
            scale=alt.Scale(domain=[0, float(counted["cells"].max()) * 1.3]),
        ),
        tooltip=["status:N", alt.Tooltip("cells:Q", format=","), alt.Tooltip("share:Q", format=".1%")],
    )
    figure = base.mark_text(align="left", dx=4).encode(text=alt.Text("cells:Q", format=","))
    return layered(base.mark_bar().encode(color=color), figure, height=26 * len(counted))


def trend(rows: pd.DataFrame, lines: int) -> alt.LayerChart:
    """An index from day to day with its interval, a line a cell, of the picked cells the ``lines`` surest; rows of air_trend
    with the cell's ``name`` and its place among all, ``surest``.
    """
    which = (filters.ADVERTISER, filters.PIXEL, filters.GROUP)
    told = rows.assign(
        day=rows["ds"].astype(str), **{of: marks.doublings(rows[column]) for of, column in _DRAWN.items()}
    )
    # A legend without an entry is an error in Vega, and an empty chart should say why it is.
    none = pd.DataFrame(
        [{"name": "Of what is picked, no cell is followed", "day": told["day"].iloc[0], "surest": len(told)}]
    )
    days = pd.to_datetime(told["day"])
    apart = 1 + (days.max() - days.min()).days // 8
    base = alt.Chart().encode(
        x=alt.X(
            "utcyearmonthdate(day):T",
            title=None,
            # Of all days, also where a reader picks cells that the page does not follow.
            scale=alt.Scale(type="utc", domain=[int(day.timestamp() * 1000) for day in (days.min(), days.max())]),
            axis=alt.Axis(
                format="%d %b %Y" if days.nunique() == 1 else "%d %b",
                labelOverlap="greedy",
                tickCount=alt.TimeIntervalStep(interval="day", step=apart),
            ),
        )
    )
    surest = alt.EncodingSortField("surest", op="min")
    color = alt.Color("name:N", title=None, sort=surest, legend=alt.Legend(columns=1, labelLimit=300))
    line = base.mark_line(point=True).encode(
        y=alt.Y("at:Q", title="Index", axis=marks.index_axis()),
        color=color,
        tooltip=[
            alt.Tooltip("name:N", title="Cell"),
            alt.Tooltip("day:N", title="Day"),
            alt.Tooltip("audience_index:Q", title="Index", format=",.1f"),
            alt.Tooltip("matched_users:Q", title="Matched users", format=","),
            alt.Tooltip("status:N", title="Status"),
        ],
    )
    band = base.mark_area(opacity=0.12).encode(y="low:Q", y2="high:Q", color=color.legend(None))
    even = alt.Chart(pd.DataFrame({"y": [0]})).mark_rule(color=theme.GREY, strokeDash=[6, 4]).encode(y="y:Q")
    picks = [filters.COLUMNS[name] for name in which]
    data = marks.rows(
        pd.concat([told, none]), *picks, "name", "surest", "day", "matched_users", "audience_index", "status", *_DRAWN
    )
    drawn = layered(even, band, line, legend_of_last=True, data=data, params=filters.controls(told, *which))
    drawn = drawn.transform_filter(f"datum.surest == {len(told)} || {filters.picked(*which)}")
    drawn = drawn.transform_window(place="dense_rank()", sort=[alt.SortField("surest")])
    return drawn.transform_filter(f"datum.place <= {lines} && (datum.place == 1 || datum.surest < {len(told)})")


_DRAWN = {"at": "audience_index", "low": "ci_low", "high": "ci_high"}
