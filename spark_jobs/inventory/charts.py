"""The charts of inventory: each takes rows of a table as its contract says them and gives an Altair chart.

Nothing is read here and nothing chosen: what a chart is to show is in the rows that it gets. Rows without a figure that a
chart needs are left out, and so are columns that it does not show: what it holds travels with the page.
"""

from typing import Any

import altair as alt
import numpy as np
import pandas as pd

from spark_jobs.common.report import theme
from spark_jobs.common.report.layers import HEIGHT, layered
from spark_jobs.inventory.classes import ADI_CUT, CV2_CUT
from spark_jobs.inventory.cloud import CRITICALITIES, cloud, named, points

_DECADES = [0, 1, 10, 100, 1_000, 10_000, 100_000, 1_000_000]
_BAR = 22


def levels(rows: pd.DataFrame) -> alt.LayerChart:
    """Recommended reorder points against those in use; rows of inv_recommendation. On the line, nothing changes."""
    materials = cloud(rows, "current_min", "rop")
    top = float(max(materials["x"].max(), materials["y"].max(), 1))

    def axis(channel: type[Any], name: str, title: str) -> Any:
        # Zero is a level like any other, so the scale is logarithmic above 1 and linear below.
        scale = alt.Scale(type="symlog", constant=1, domain=[0, top * 1.1])
        return channel(
            name,
            type="quantitative",
            title=title,
            scale=scale,
            axis=alt.Axis(values=_DECADES, labelExpr="format(datum.value, ',')"),
        )

    ends = pd.DataFrame({"x": [0.0, top], "y": [0.0, top]})
    diagonal = alt.Chart(ends).mark_line(color=theme.GREY, strokeDash=[6, 4], strokeWidth=1).encode(x="x:Q", y="y:Q")
    drawn = points(
        materials,
        axis(alt.X, "x", "Reorder point in use (units)"),
        axis(alt.Y, "y", "Recommended reorder point (units)"),
    )
    return layered(diagonal, drawn)


def quadrants(rows: pd.DataFrame) -> alt.LayerChart:
    """How often a material is asked for against how much the sizes vary; rows of inv_recommendation."""
    cuts = pd.DataFrame({"adi": [ADI_CUT], "cv2": [CV2_CUT]})
    corners = pd.DataFrame(
        [("smooth", 4, 0.98), ("intermittent", 0.98, 0.98), ("erratic", 4, 0.02), ("lumpy", 0.98, 0.02)],
        columns=["class", "x", "y"],
    )
    drawn = points(
        cloud(rows, "adi", "cv2"),
        alt.X("x:Q", title="Months per month with demand (ADI)", scale=alt.Scale(type="log", domainMin=1, nice=False)),
        alt.Y("y:Q", title="Squared variation of sizes (CV²)", scale=alt.Scale(type="sqrt", domainMin=0)),
    )
    line = alt.Chart(cuts).mark_rule(color=theme.GREY, strokeDash=[6, 4])
    names = [
        alt.Chart(corners[corners["class"] == name])
        .mark_text(align="left" if x > 1 else "right", baseline="top" if y < 0.5 else "bottom", fontStyle="italic")
        .encode(text="class:N", x=alt.value(x) if x > 1 else alt.value("width"), y=alt.value(HEIGHT * y))
        for name, x, y in corners.itertuples(index=False, name=None)
    ]
    return layered(drawn, line.encode(x="adi:Q"), line.encode(y="cv2:Q"), *names)


def tornado(rows: pd.DataFrame) -> alt.LayerChart:
    """The change of value of each material, largest first; rows of inv_recommendation."""
    bars = named(rows).dropna(subset=["delta_value"])[["name", "delta_value", "delta_units"]]
    bars["change"] = np.where(bars["delta_value"] > 0, "more stock", "less stock")
    shown = (
        alt.Chart(bars)
        .mark_bar()
        .encode(
            x=alt.X("delta_value:Q", title="Change of value", axis=alt.Axis(format="~s")),
            y=alt.Y("name:N", title=None, sort=_largest_first(bars, "delta_value")),
            color=alt.Color(
                "change:N",
                title=None,
                scale=alt.Scale(domain=["more stock", "less stock"], range=[theme.ORANGE, theme.BLUE]),
            ),
            tooltip=["name:N", "delta_value:Q", "delta_units:Q"],
        )
    )
    zero = alt.Chart(pd.DataFrame({"at": [0]})).mark_rule(color=theme.GREY).encode(x="at:Q")
    return layered(shown, zero, height=_BAR * len(bars))


def lead_time_demand(bins: pd.DataFrame, material: pd.DataFrame) -> alt.LayerChart:
    """The demand over a lead time (rows of inv_ltd_distribution of one material), and where its reorder point lies in
    it (the material's row of inv_recommendation).
    """
    # A value that is met exactly has a bin without width: it gets one that can be seen.
    thinnest = float(np.ptp(bins["units"]) or 1) / 150
    drawn = bins[["units", "width", "probability"]].assign(
        end=bins["units"] + bins["width"].clip(lower=thinnest), floor=0.0
    )
    bars = (
        alt.Chart(drawn)
        .mark_rect(color=theme.SKY)
        .encode(
            x=alt.X("units:Q", title="Demand over a lead time (units)"),
            x2="end:Q",
            y=alt.Y("probability:Q", title="Share of lead times", axis=alt.Axis(format="%")),
            y2="floor:Q",
            tooltip=["units:Q", "width:Q", "probability:Q"],
        )
    )
    point = alt.Chart(material[["rop", "rop_lo", "rop_hi", "service_level"]])
    interval = point.mark_rect(color=theme.ORANGE, opacity=0.35).encode(x="rop_lo:Q", x2="rop_hi:Q")
    rule = point.mark_rule(color=theme.VERMILLION, strokeWidth=2).encode(
        x="rop:Q", tooltip=["rop:Q", "rop_lo:Q", "rop_hi:Q", "service_level:Q"]
    )
    return layered(bars, interval, rule)


def service_levels(rows: pd.DataFrame) -> alt.LayerChart:
    """What each service level costs in units; rows of inv_reorder_points of one material."""
    known = rows.dropna(subset=["reorder_point"])[["target", "reorder_point", "ci_low", "ci_high"]]
    base = alt.Chart(known).encode(
        y=alt.Y(
            "target:Q",
            title="Cycle-service level",
            axis=alt.Axis(format="~%", values=known["target"].tolist()),
            scale=alt.Scale(zero=False, nice=False),
        )
    )
    at = alt.X("reorder_point:Q", title="Reorder point (units)")
    line = base.mark_line(color=theme.BLUE, point=True).encode(
        x=at, order="target:Q", tooltip=["target:Q", "reorder_point:Q", "ci_low:Q", "ci_high:Q"]
    )
    interval = base.mark_rule(color=theme.ORANGE, strokeWidth=4, opacity=0.7).encode(x="ci_low:Q", x2="ci_high:Q")
    return layered(interval, line)


def convergence(rows: pd.DataFrame) -> alt.LayerChart:
    """How the reorder point of each material settles, in shares of where it ended; rows of inv_convergence."""
    ordered = named(rows).sort_values(["name", "iterations"])
    last = ordered.groupby("name")["rop"].transform("last")
    shares = ordered[["name", "iterations"]].assign(
        **{column: ordered[column] / last for column in ("rop", "rop_lo", "rop_hi")}
    )[last > 0]
    base = alt.Chart(shares).encode(
        x=alt.X("iterations:Q", title="Iterations", scale=alt.Scale(type="log"), axis=alt.Axis(format="~s")),
    )
    scale = alt.Scale(zero=False)
    title = "Reorder point, of the last one"
    line = base.mark_line(point=True).encode(
        color=alt.Color("name:N", title=None, legend=alt.Legend(columns=1)),
        y=alt.Y("rop:Q", title=title, axis=alt.Axis(format="%"), scale=scale),
        tooltip=["name:N", "iterations:Q", "rop:Q"],
    )
    band = base.mark_area(opacity=0.15).encode(
        color=alt.Color("name:N", legend=None), y=alt.Y("rop_lo:Q", scale=scale), y2="rop_hi:Q"
    )
    return layered(band, line, legend_of_last=True)


def excess(rows: pd.DataFrame, whole: float) -> alt.LayerChart:
    """Pareto: the excess value of each material, largest first, and how much of ``whole`` all down to it make; rows of
    inv_rationalise.
    """
    bars = named(rows).dropna(subset=["excess_value"]).sort_values("excess_value", ascending=False, kind="stable")
    bars = bars[["name", "excess_value", "excess_units", "action"]]
    bars["down_to_it"] = bars["excess_value"].cumsum() / whole
    base = alt.Chart(bars).encode(
        x=alt.X(
            "excess_value:Q",
            title="Excess value",
            axis=alt.Axis(format="~s"),
            # Room for the share beside the longest bar, on a phone too.
            scale=alt.Scale(domain=[0, float(bars["excess_value"].max()) * 1.25]),
        ),
        y=alt.Y("name:N", title=None, sort=bars["name"].tolist()),
        tooltip=["name:N", "excess_value:Q", "excess_units:Q", "action:N", alt.Tooltip("down_to_it:Q", format=".0%")],
    )
    share = base.mark_text(align="left", dx=4).encode(text=alt.Text("down_to_it:Q", format=".0%"))
    return layered(base.mark_bar(), share, height=_BAR * len(bars))


def budget(rows: pd.DataFrame) -> alt.LayerChart:
    """Value in stock, recommended and at risk by criticality, all locations together; rows of inv_budget."""
    measures = {"value_in_stock": "in stock", "value_recommended": "recommended", "value_at_risk": "at risk"}
    summed = rows.groupby("criticality")[list(measures)].sum().rename(columns=measures).reset_index()
    long = summed.melt("criticality", var_name="measure", value_name="value")
    order = list(measures.values())
    bars = (
        alt.Chart(long)
        .mark_bar()
        .encode(
            x=alt.X("criticality:N", title="Criticality", sort=list(CRITICALITIES), axis=alt.Axis(labelAngle=0)),
            xOffset=alt.XOffset("measure:N", sort=order),
            y=alt.Y("value:Q", title="Value", axis=alt.Axis(format="~s")),
            color=alt.Color(
                "measure:N",
                title=None,
                sort=order,
                scale=alt.Scale(domain=order, range=[theme.BLUE, theme.GREEN, theme.VERMILLION]),
            ),
            tooltip=["criticality:N", "measure:N", "value:Q"],
        )
    )
    return layered(bars)


def _largest_first(rows: pd.DataFrame, column: str) -> list[str]:
    return rows.reindex(rows[column].abs().sort_values(ascending=False, kind="stable").index)["name"].tolist()
