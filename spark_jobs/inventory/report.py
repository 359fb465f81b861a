"""The report of inventory: what the recommendations change, what they rest on, and the file that a planner uploads."""

from datetime import date

import pandas as pd

from spark_jobs.common.report import Section
from spark_jobs.common.report.frames import Read
from spark_jobs.common.report.spreadsheet import without_formulas
from spark_jobs.inventory import report_evidence, report_stock
from spark_jobs.inventory.identity import KEY

TITLE = "Inventory: recommended stock levels"


def as_of(read: Read) -> date | None:
    """Of which day the figures are; None where there are none."""
    return max(read("inv_recommendation")["as_of"], default=None)


def subtitle(read: Read) -> str:
    """What holds for all figures."""
    return "Values are in the currency of the prices."


def sections(read: Read) -> list[Section]:
    """The page's sections in reading order: what changes first, then why it can be believed."""
    return [
        report_stock.at_a_glance(read),
        report_stock.failed(read),
        report_stock.budget(read),
        report_stock.levels(read),
        report_stock.changes(read),
        report_stock.excess(read),
        report_stock.quadrants(read),
        report_evidence.lead_time_demand(read),
        report_evidence.service_levels(read),
        report_evidence.convergence(read),
        report_evidence.calibration(read),
        report_evidence.trade_off(read),
    ]


def files(read: Read) -> dict[str, pd.DataFrame]:
    """What stands beside the page."""
    return {"upload": upload(read)}


def upload(read: Read) -> pd.DataFrame:
    """What a planner uploads: a row a material that has a recommendation, levels in its unit.

    ``mrp_type`` is the recommended policy (stock or nonstock; empty: none); levels stand for both. A safety stock below 0
    (a low target) is uploaded as 0. Texts cannot run as formulas.
    """
    rows = read("inv_recommendation")
    rows = rows[rows["status"].isin(["computed", "none"])].merge(
        read("inv_stock_policy")[[*KEY, "policy"]], on=KEY, how="left"
    )
    rows = rows.sort_values(KEY, kind="stable", ignore_index=True)
    return without_formulas(
        pd.DataFrame(
            {
                "plant": rows["location_id"],
                "material": rows["material_id"],
                "mrp_type": rows["policy"],
                "reorder_point": _units(rows["rop"]),
                "safety_stock": _units(rows["safety_stock"].clip(lower=0)),
                "maximum_stock_level": _units(rows["max_level"]),
                "valid_from": [str(day)[:10] for day in rows["as_of"]],
            }
        )
    )


def _units(values: pd.Series) -> pd.Series:
    """Whole numbers as such, others to the millionth, unknown ones as None."""
    return pd.Series([_number(value) for value in values], index=values.index, dtype=object)


def _number(value: float | None) -> float | int | None:
    if value is None or pd.isna(value):
        return None
    rounded = round(float(value), 6)
    return int(rounded) if rounded.is_integer() else rounded
