"""Literal rows of inventory's tables, and histories as the stages see them."""

from datetime import date
from typing import TYPE_CHECKING, Any

from expectations.contract import Table
from expectations.inventory import histories as histories_table
from spark_jobs.common.window import Window
from spark_jobs.inventory.params import InventoryParams, with_overrides
from tests.frames import frame

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

NIGHT = Window.parse("2024-06-01T00:00:00+00:00", "2024-06-02T00:00:00+00:00")
PARAMS = with_overrides(InventoryParams(), ["iterations=500", "targets=.5,.9", "mode=bootstrap", "recompute=full"])


def month(material: str, n: int, qty: float, **more: Any) -> dict[str, Any]:
    return {"location_id": "L1", "material_id": material, "month": date(2024, n, 1), "qty": qty, **more}


def move(material: str, day: date, qty: float, **more: Any) -> dict[str, Any]:
    kind = "issue" if qty > 0 else "return"
    named = {"location_id": "L1", "material_id": material, "document_id": f"{material}/{day}/{qty}"}
    return named | {"posting_date": day, "movement_type": kind, "qty": qty, **more}


def part(material: str, lead_time: float | None = 1.0, **more: Any) -> dict[str, Any]:
    known = {"location_id": "L1", "material_id": material, "lead_time_months": lead_time, "source_file": "a.csv"}
    return known | more


def history(material: str, quantities: list[float], lead_times: list[float], **more: Any) -> dict[str, Any]:
    named = {"location_id": "L1", "material_id": material, "has_master": True, "criticality_source": "none"}
    return (
        named
        | {
            "quantities": quantities,
            "lead_times": lead_times,
            "returns_clipped": 0.0,
            "missing_months": 0,
            "input_hash": 1,
        }
        | more
    )


def refused(spark: "SparkSession", table: Table, rows: list[dict[str, Any]]) -> "DataFrame":
    """Quarantined rows as a later stage sees them: `rule` beside what was read of the row."""
    texts = [{name: str(value) for name, value in row.items() if name != "rule"} for row in rows]
    whole = [(*map(text.get, table.column_names), row["rule"], str(row)) for text, row in zip(texts, rows, strict=True)]
    columns = [*table.column_names, "_broken_rule", "_raw"]
    return spark.createDataFrame(whole, ", ".join(f"`{name}` string" for name in columns))


def histories(spark: "SparkSession", rows: list[dict[str, Any]]) -> "DataFrame":
    return frame(spark, histories_table.TABLE, rows)
