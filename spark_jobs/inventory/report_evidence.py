"""Sections on what the recommendations rest on: one material from its distribution to its levels, and the back-test."""

import pandas as pd

from spark_jobs.common.report import Section, nothing
from spark_jobs.common.report.frames import Read
from spark_jobs.inventory import backtest_charts, charts
from spark_jobs.inventory.cloud import named
from spark_jobs.inventory.identity import KEY

# Lines that can be told apart.
LINES = 6
_OURS = ["tier", "release_id", "as_of"]


def lead_time_demand(read: Read) -> Section:
    """The whole distribution of one material."""
    title, distributions = "Demand over a lead time", read("inv_ltd_distribution")
    material = chosen(read)
    if material.empty:
        return nothing(title, "no material has a distribution on record")
    row = material.iloc[0]
    bins = distributions.merge(material[KEY], on=KEY).sort_values("units")
    says = (
        f"{named(material)['name'].iloc[0]}: {_why_chosen(material)} Its reorder point (line) is {row['rop']:,.4g} units, with "
        f"a 95 % interval of {row['rop_lo']:,.4g} to {row['rop_hi']:,.4g} (shaded); it is to cover "
        f"{100 * row['service_level']:.4g} % of the lead times."
    )
    return Section(title, says, charts.lead_time_demand(bins, material), _plain(bins))


def service_levels(read: Read) -> Section:
    """What each service level costs in units, for the same material."""
    title, material = "What a service level costs", chosen(read)
    if material.empty:
        return nothing(title, "no material has a distribution on record, and this shows the same one")
    location, name = material.iloc[0][KEY]
    points = read("inv_reorder_points", location_id=location, item=name).sort_values("target")
    if points["reorder_point"].isna().all():
        return nothing(title, f"no reorder point of {name} was found")
    says = (
        f"{named(material)['name'].iloc[0]}: the stock at which to order, for each share of lead times without a shortage. "
        "The thick bars are the 95 % intervals of the simulation. Where the curve turns right, each further percent costs more."
    )
    return Section(title, says, charts.service_levels(points), _plain(points))


def convergence(read: Read) -> Section:
    """Whether the iterations sufficed."""
    title, rows = "How the reorder points settle", read("inv_convergence")
    if rows.empty:
        return nothing(title, "no material's iterations were kept")
    last = rows.sort_values("iterations").drop_duplicates(KEY, keep="last")
    drawn = last[last["rop"] > 0].sort_values(["rop", *KEY], ascending=[False, True, True]).head(LINES)
    if drawn.empty:
        return nothing(title, "all kept reorder points are 0")
    says = (
        f"The reorder point after more and more iterations, as a share of the last one, with its interval: the {len(drawn)} "
        "materials with the highest of those on record. A line that still moves at the right needs more iterations."
    )
    return Section(
        title, says, charts.convergence(rows.merge(drawn[KEY], on=KEY)), _plain(rows.sort_values([*KEY, "iterations"]))
    )


def calibration(read: Read) -> Section:
    """Whether the service that was aimed at came about."""
    title, rows = "Back-test: service aimed at and achieved", read("inv_backtest_segments")
    picked = rows[rows["picked"].astype(bool)]
    if picked.empty:
        return nothing(title, _NO_BACKTEST)
    reached = (picked["achieved_hi"] >= picked["target"]).mean()
    says = (
        f"A mark is a segment (demand class and criticality) with the method picked for it, its bar the 95 % interval. On or "
        f"above the dashed line the target was reached; in {reached:.0%} of them the interval reaches it. Segments of one "
        "target stand side by side. The table holds all methods."
    )
    return Section(
        title, says, backtest_charts.calibration(picked), _plain(rows.sort_values(["segment", "target", "method"]))
    )


def trade_off(read: Read) -> Section:
    """What each method's service costs, in the segment that ties up most."""
    title, rows = "Back-test: service against value in stock", read("inv_backtest_segments")
    known = rows.dropna(subset=["holding_value", "achieved_fill"])
    if known.empty:
        why = _NO_BACKTEST if rows.empty else "no material of the back-test has both a price and demand"
        return nothing(title, why)
    segment = known.groupby("segment")["holding_value"].max().idxmax()
    says = (
        f"Segment {segment}, which ties up most: mean value in stock against the share of demand met at once, a line a method "
        "through its targets. Of two methods the one further up and left is better."
    )
    part = known[known["segment"] == segment]
    return Section(title, says, backtest_charts.trade_off(part), _plain(part.sort_values(["method", "target"])))


def chosen(read: Read) -> pd.DataFrame:
    """The row of the material with the largest change of value among those with a distribution; empty without any.

    Where no change is known the first of them by name.
    """
    distributed = read("inv_ltd_distribution")[KEY].drop_duplicates()
    rows = read("inv_recommendation").dropna(subset=["rop"]).merge(distributed, on=KEY)
    return rows.sort_values(KEY).sort_values("delta_value", key=abs, ascending=False, kind="stable").head(1)


_NO_BACKTEST = "no material has a history long enough for a back-test, or none was run"


def _why_chosen(material: pd.DataFrame) -> str:
    if pd.isna(material["delta_value"].iloc[0]):
        return "the first by name of those with a distribution; no change of value is known."
    return "of those with a distribution, the one whose value changes most."


def _plain(rows: pd.DataFrame) -> pd.DataFrame:
    return rows.drop(columns=_OURS, errors="ignore")
