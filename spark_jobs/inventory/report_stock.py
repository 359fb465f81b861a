"""Sections on stock: what is there, what is recommended, and what that changes."""

import pandas as pd

from spark_jobs.common.report import Section, nothing
from spark_jobs.common.report.frames import Read
from spark_jobs.inventory import charts
from spark_jobs.inventory.cloud import MANY
from spark_jobs.inventory.identity import KEY

# Bars that a reader takes in at a glance, and rows of materials that the page carries; all of them are in the marts.
BARS = 20
ROWS = 2_000


def at_a_glance(read: Read) -> Section:
    """How many materials, and what they are worth."""
    rows, sums = read("inv_recommendation"), read("inv_budget")
    counts = rows["status"].value_counts()
    figures = [
        ("Materials", len(rows)),
        ("with a recommendation", int(counts.get("computed", 0))),
        ("without any demand", int(counts.get("none", 0))),
        ("failed", int(counts.get("failed", 0))),
        ("with a price", int(rows["price"].notna().sum())),
    ]
    worth = {
        "value_in_stock": "Value in stock",
        "value_recommended": "Value recommended",
        "value_at_risk": "Value at risk",
    }
    figures += [(name, round(float(sums[column].sum()))) for column, name in worth.items() if len(sums)]
    listed = [f"{name}: {number:,}" for name, number in figures]
    worth_said = ", ".join(listed[5:]) if len(sums) else "No material has a price, so no value is known"
    says = f"{', '.join(listed[:5])}. {worth_said}."
    return Section("At a glance", says, None, pd.DataFrame(figures, columns=["figure", "number"]))


def failed(read: Read) -> Section:
    """What could not be computed, and why."""
    rows = read("inv_recommendation")
    rows = rows[rows["status"] == "failed"]
    if rows.empty:
        return Section("Failed materials", "None: every material has an answer.", None, rows)
    reasons = rows["reason"].fillna("no reason given").value_counts()
    said = "; ".join(f"{count:,} × {reason}" for reason, count in reasons.head(5).items())
    says = f"Materials without a recommendation, which keep the levels they have: {len(rows):,}. Reasons: {said}"
    return Section("Failed materials", says, None, _part(rows.sort_values(KEY), *KEY, "criticality", "reason"))


def budget(read: Read) -> Section:
    """Value against risk by criticality."""
    title, rows = "Value in stock and at risk", read("inv_budget")
    if rows.empty:
        return nothing(title, "no material has a price")
    says = (
        "In stock: what is on hand. Recommended: mean stock under the recommendation. At risk: demand expected to be short "
        "over a lead time from today's stock and orders. H stops the plant, M hampers it, L is felt later, - is not judged."
    )
    return Section(title, says, charts.budget(rows), rows.drop(columns=["tier", "release_id"], errors="ignore"))


def levels(read: Read) -> Section:
    """Recommended against current reorder points."""
    title, rows = "Recommended and current reorder points", read("inv_recommendation")
    known = rows.dropna(subset=["current_min", "rop"])
    if known.empty:
        return nothing(title, "no material has both a recommended reorder point and one in use today")
    says = (
        f"Above the dashed line the recommendation is higher than today's level, below it lower. {_shown_as(len(known))} "
        f"{_left_out(len(rows) - len(known), 'without a level of today or a recommendation')}The table holds "
        f"the {min(ROWS, len(known)):,} with the largest difference."
    )
    apart = known.assign(difference=known["rop"] - known["current_min"])
    table = _part(_largest(apart, "difference"), *KEY, "criticality", "current_min", "rop", "difference")
    return Section(title, says, charts.levels(known), table)


def changes(read: Read) -> Section:
    """Where the money moves."""
    title = "Largest changes of value"
    rows = _largest(read("inv_recommendation").dropna(subset=["delta_value"]), "delta_value")
    if rows.empty:
        return nothing(title, "no material has a recommended and a current maximum level and a price")
    bars = rows.head(BARS)
    says = (
        f"The {len(bars)} materials whose order-up-to level changes most in value, up or down; "
        f"the table holds {min(ROWS, len(rows)):,} of {len(rows):,}. Check these first."
    )
    table = _part(rows, *KEY, "criticality", "current_max", "max_level", "delta_units", "price", "delta_value")
    return Section(title, says, charts.tornado(bars), table)


def excess(read: Read) -> Section:
    """Stock above the recommended levels."""
    title, rows = "Excess stock", read("inv_rationalise")
    known = rows.dropna(subset=["excess_value"])
    held = known[known["excess_value"] > 0]
    if held.empty:
        why = "no material with a price has stock above its recommended level" if len(known) else "no price is known"
        return nothing(title, why)
    held, whole = _largest(held, "excess_value"), float(held["excess_value"].sum())
    bars = held.head(BARS)
    says = (
        f"{len(held):,} materials hold {whole:,.0f} above their recommended levels. The bars are the largest {len(bars)}; "
        "beside each stands the share of the whole that it makes together with those above it."
    )
    columns = (
        "excess_units",
        "excess_value",
        "stock_value",
        "cover_years",
        "months_since_issue",
        "action",
        "transfer_to",
    )
    return Section(title, says, charts.excess(bars, whole), _part(held, *KEY, *columns))


def quadrants(read: Read) -> Section:
    """Demand classes."""
    title, rows = "Patterns of demand", read("inv_recommendation")
    known = rows.dropna(subset=["adi", "cv2"])
    if known.empty:
        return nothing(title, "no material has demand in two months or more")
    says = (
        "Right: asked for seldom. Up: in sizes that vary much. The dashed lines are the cuts 1.32 and 0.49 of Syntetos, "
        f"Boylan and Croston (2005). {_shown_as(len(known))} "
        f"{_left_out(len(rows) - len(known), 'with demand in fewer than two months')}"
    )
    counted = rows.assign(**{"class": rows["class"].fillna("-"), "criticality": rows["criticality"].fillna("-")})
    table = counted.groupby(["class", "criticality"]).size().rename("materials").reset_index()
    return Section(title, says, charts.quadrants(known), table)


def _shown_as(materials: int) -> str:
    if materials > MANY:
        return f"{materials:,} materials are too many to draw one by one: a mark stands for all that lie near it, larger for more."
    return "Each mark is a material." if materials != 1 else "The mark is the only such material."


def _left_out(materials: int, which: str) -> str:
    return f"Left out: {materials:,} {which}. " if materials else ""


def _largest(rows: pd.DataFrame, column: str) -> pd.DataFrame:
    """Largest size first, whatever the sign; ties by name, so that a report is the same when it is made again."""
    return rows.sort_values(KEY).sort_values(column, key=abs, ascending=False, kind="stable")


def _part(rows: pd.DataFrame, *columns: str) -> pd.DataFrame:
    return rows[list(columns)].head(ROWS)
