"""For each row rule of a contract: a row that breaks it, and the rule that Spark names for it; rows that break the rules of a suite."""

from datetime import datetime
from typing import TYPE_CHECKING, Any

from expectations.contract import Rule, Table
from spark_jobs.common.audit import audit
from tests.frames import frame

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

Breaks = dict[tuple[str, str], dict[str, str]]


def breaking_sql(table: Table, rule: Rule, breaks: Breaks) -> dict[str, str]:
    """Column -> SQL of a value that breaks the rule; what a column implies is broken by one step beyond it."""
    if (table.name, rule.name) in breaks:
        return breaks[table.name, rule.name]
    column, kind = rule.name.rsplit(":", 1)
    told = table[column]
    beyond = {
        "present": f"CAST(NULL AS {told.type})",
        "number": "CAST('NaN' AS DOUBLE)" if told.type == "double" else "array(CAST('NaN' AS DOUBLE))",
        "minimum": f"CAST({(told.minimum or 0) - 1} AS {told.type})",
        "maximum": f"CAST({(told.maximum or 0) + 1} AS {told.type})",
        "allowed": "'something else'",
        "text": "repeat('x', 1001)" if told.type == "string" else "array(repeat('x', 1001))",
    }
    return {column: beyond[kind]}


def first_broken(
    spark: "SparkSession", tables: tuple[Table, ...], valid: dict[str, dict[str, Any]], breaks: Breaks
) -> dict[tuple[str, str], str | None]:
    """For each table and rule: the first rule that its breaking row breaks; under "valid" the unchanged row."""
    seen: dict[tuple[str, str], str | None] = {}
    for table in tables:
        rules = {rule.name: breaking_sql(table, rule, breaks) for rule in table.row_rules()}
        row = frame(spark, table, [table.random_rows(1)[0] | valid.get(table.name, {})])
        copies = row.crossJoin(spark.createDataFrame([(name,) for name in ("valid", *rules)], "_rule string"))
        broken = copies.selectExpr("_rule", *[_changed(column, rules) for column in row.columns]).persist()
        said = broken.selectExpr("_rule", f"{table.first_broken_rule_sql()} AS said").collect()
        broken.unpersist()
        seen |= {(table.name, row._rule): row.said for row in said}
    return seen


def scope(spark: "SparkSession", table: Table, valid: dict[str, Any], changes: tuple[dict[str, Any], ...]) -> Any:
    """Random valid rows with these changes, times given as ISO text."""
    rows = table.random_rows(len(changes))
    timed = [
        {k: datetime.fromisoformat(v) if str(v).endswith("Z") else v for k, v in change.items()} for change in changes
    ]
    return frame(spark, table, [row | valid | change for row, change in zip(rows, timed, strict=True)])


def broken_by(
    spark: "SparkSession", table: Table, valid: dict[str, Any], changes: tuple[dict[str, Any], ...]
) -> set[str]:
    """The rules of the table's suite that such rows break, each of them there twice; every rule could be evaluated."""
    rows = scope(spark, table, valid, changes)
    verdicts = audit(table, table.name, rows.unionByName(rows))
    assert all(rule["exception"] is None for rule in verdicts)
    return {rule["rule"] for rule in verdicts if not rule["success"]}


def _changed(column: str, rules: dict[str, dict[str, str]]) -> str:
    """SQL of a column that breaks the rule which the row is named after."""
    cases = [f"WHEN '{name}' THEN {change[column]}" for name, change in rules.items() if column in change]
    return f"CASE _rule {' '.join(cases)} ELSE `{column}` END AS `{column}`" if cases else f"`{column}`"
