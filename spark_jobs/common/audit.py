"""The audit: a contract's Great Expectations suite over exactly the snapshot and scope that a build wrote.

Every rule comes back with what was observed; a rule that raised counts as broken. The caller decides nothing: severity
is in the contract.
"""

import json
import logging
import os
from collections import Counter
from functools import cache
from typing import TYPE_CHECKING, Any

from expectations.contract import CRITICAL, WARNING, Severity, Table
from spark_jobs.common.landing import Arrival

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

_SHOWN_VALUES = 5


def audit(table: Table, name: str, rows: "DataFrame") -> list[dict[str, Any]]:
    """Judge ``rows`` by the suite of ``table``; one entry a rule: what it says, what was seen, and whether it holds."""
    suite = table.suite()
    if not suite["expectations"]:
        return []
    results = _validate(suite, rows)
    return [_entry(name, meant, result) for meant, result in zip(suite["expectations"], results, strict=True)]


def rule_entry(
    table: str,
    name: str,
    sentence: str,
    success: bool,
    severity: Severity = CRITICAL,
    evaluated: int | None = None,
    observed: str = "",
) -> dict[str, Any]:
    """A rule as the receipt lists it, for what is judged without Great Expectations."""
    return {
        "table": table,
        "rule": name,
        "sentence": sentence,
        "severity": str(severity),
        "success": success,
        "evaluated": evaluated,
        "observed": observed,
        "exception": None,
    }


def share_rules(name: str, table: Table, broken: Counter[str], total: int) -> list[dict[str, Any]]:
    """The two limits on the share of rows in quarantine; ``broken`` counts those rows by the sentence of their rule."""
    quarantined = broken.total()
    share = quarantined / total if total else 0.0
    limits = (("max", table.max_quarantine_share, CRITICAL), ("warn", table.warn_quarantine_share, WARNING))
    why = "".join(f", most often against «{sentence}»" for sentence, _ in broken.most_common(1))
    seen = f"{share:.1%} ({quarantined} of {total}){why}"
    return [
        rule_entry(
            name,
            f"quarantine_share:{which}",
            f"At most {limit * 100:g}% of the rows of {table.name} are in quarantine.",
            share <= limit,
            severity,
            total,
            seen,
        )
        for which, limit, severity in limits
    ]


def arrival_rules(arrival: Arrival) -> list[dict[str, Any]]:
    """What the landing files themselves broke; nothing when all were whole. That none came is told of a table that is read by
    arrival: of others a window may well have none.
    """
    name, found = arrival.table.name, []
    count = len(arrival.files) + len(arrival.refused)
    broken = [file for file in arrival.refused if not file.repeat]
    repeats = [file.name for file in arrival.refused if file.repeat]
    if arrival.by_arrival and arrival.supplied and not count and not arrival.unfinished:
        seen = f"none in the folders from {arrival.days[0]} to {arrival.days[1]}"
        found.append(
            rule_entry(name, "files_arrived", f"Landing files of {name} have arrived.", False, WARNING, 0, seen)
        )
    if broken:
        severity = CRITICAL if len(broken) > arrival.table.max_quarantine_share * (count - len(repeats)) else WARNING
        shown = "; ".join(f"{file.name} {file.reason}" for file in broken[:3])
        sentence = f"Every landing file of {name} is whole and readable."
        found.append(rule_entry(name, "files_whole", sentence, False, severity, count, shown))
    for rule, names, sentence in (
        ("files_once", repeats, f"No landing file of {name} arrives twice."),
        ("files_finished", arrival.unfinished, f"No landing file of {name} is still being written."),
        ("known_columns", arrival.unknown_columns, f"Landing files of {name} have only columns of the contract."),
    ):
        if names:
            found.append(rule_entry(name, rule, sentence, False, WARNING, count, ", ".join(names[:10])))
    return found


def _validate(suite: dict[str, Any], rows: "DataFrame") -> list[dict[str, Any]]:
    os.environ.setdefault("GX_ANALYTICS_ENABLED", "false")
    import great_expectations as gx
    from great_expectations.data_context.types.base import ProgressBarsConfig

    for logger in ("great_expectations", ProgressBarsConfig.__module__):  # The second sets a level of its own.
        logging.getLogger(logger).setLevel(logging.WARNING)
    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = ProgressBarsConfig(globally=False)
    source = context.data_sources.add_spark("lake", persist=False)
    batch = source.add_dataframe_asset("scope").add_batch_definition_whole_dataframe("rows")
    expectations = gx.ExpectationSuite(
        name=suite["name"], expectations=[_expectation(meant) for meant in suite["expectations"]]
    )
    found = batch.get_batch({"dataframe": rows}).validate(
        expectations, result_format={"result_format": "BASIC", "partial_unexpected_count": _SHOWN_VALUES}
    )
    entries: list[Any] = [result.to_json_dict() for result in found.results]
    by_rule = {entry["expectation_config"]["meta"]["rule"]: entry for entry in entries}
    return [by_rule.get(meant["meta"]["rule"], {}) for meant in suite["expectations"]]


def _expectation(meant: dict[str, Any]) -> Any:
    from great_expectations.expectations.registry import get_expectation_impl

    kind = get_expectation_impl(meant["type"])
    if meant["type"] == "unexpected_rows_expectation":
        kind = _by_first_rows(kind)
    return kind(**meant["kwargs"], severity=meant["severity"], meta=meant["meta"])


@cache
def _by_first_rows(kind: Any) -> Any:
    """The same expectation, judged by the rows that its query gives first (at most 200).

    Great Expectations runs the query twice, to list rows and to count them; on a key of millions of rows the second time
    is half of the audit. More than 200 unexpected rows are told as 200. Without `COMPLETE` it would show none.
    """

    class FirstUnexpectedRows(kind):  # type: ignore[misc]
        metric_dependencies = ("unexpected_rows_query.table",)

        def _validate(self, metrics: dict[str, Any], *more: Any, **named: Any) -> Any:
            rows = metrics["unexpected_rows_query.table"]
            found = super()._validate({**metrics, "unexpected_rows_query.row_count": len(rows)}, *more, **named)
            found["result"]["details"] = {"unexpected_rows": rows[:_SHOWN_VALUES]}
            return found

    return FirstUnexpectedRows


def _entry(name: str, meant: dict[str, Any], result: dict[str, Any]) -> dict[str, Any]:
    seen = result.get("result") or {}
    raised = next((info for info in _exceptions(result.get("exception_info")) if info.get("raised_exception")), None)
    exception = raised["exception_message"] if raised else None if result else "the rule was not evaluated"
    return {
        "table": name,
        **{key: meant["meta"][key] for key in ("rule", "sentence")},
        "severity": meant["severity"],
        "success": bool(result.get("success")) and exception is None,
        "evaluated": seen.get("element_count"),
        "observed": _observed(seen),
        "exception": exception[:500] if exception else None,
    }


def _exceptions(info: Any) -> list[dict[str, Any]]:
    """Great Expectations reports one exception record, or one for each metric."""
    if not isinstance(info, dict):
        return []
    return [info] if "raised_exception" in info else [value for value in info.values() if isinstance(value, dict)]


def _observed(seen: dict[str, Any]) -> str:
    if rows := (seen.get("details") or {}).get("unexpected_rows"):
        return f"{seen['observed_value']} rows, e.g. {json.dumps(rows[:_SHOWN_VALUES], default=str)[:300]}"
    if "observed_value" in seen:
        return json.dumps(seen["observed_value"], default=str)
    if "unexpected_count" in seen:
        shown = json.dumps(seen.get("partial_unexpected_list", []), default=str)[:300]
        return f"{seen['unexpected_count']} of {seen.get('element_count')} rows, e.g. {shown}"
    return json.dumps(seen, default=str)[:300]
