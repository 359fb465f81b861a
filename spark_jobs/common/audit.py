"""The audit: a contract's Great Expectations suite over exactly the snapshot and scope that a build wrote.

Every rule comes back with what was observed; a rule that raised counts as broken. The caller decides nothing: severity is in the contract.
"""

import json
import logging
import os
from typing import TYPE_CHECKING, Any

from expectations.contract import Severity, Table

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


def share_rules(name: str, table: Table, quarantined: int, total: int) -> list[dict[str, Any]]:
    """The two limits on the share of rows in quarantine, as rule entries."""
    share = quarantined / total if total else 0.0
    limits = (("max", table.max_quarantine_share, Severity.CRITICAL), ("warn", table.warn_quarantine_share, Severity.WARNING))
    return [
        {
            "table": name,
            "rule": f"quarantine_share:{which}",
            "sentence": f"At most {limit:.0%} of the rows of {table.name} are in quarantine.",
            "severity": str(severity),
            "success": share <= limit,
            "evaluated": total,
            "observed": f"{share:.1%} ({quarantined} of {total})",
            "exception": None,
        }
        for which, limit, severity in limits
    ]


def _validate(suite: dict[str, Any], rows: "DataFrame") -> list[dict[str, Any]]:
    os.environ.setdefault("GX_ANALYTICS_ENABLED", "false")
    import great_expectations as gx
    from great_expectations.data_context.types.base import ProgressBarsConfig

    logging.getLogger("great_expectations").setLevel(logging.WARNING)
    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = ProgressBarsConfig(globally=False)
    source = context.data_sources.add_spark("lake", persist=False)
    batch = source.add_dataframe_asset("scope").add_batch_definition_whole_dataframe("rows")
    expectations = gx.ExpectationSuite(name=suite["name"], expectations=[_expectation(meant) for meant in suite["expectations"]])
    found = batch.get_batch({"dataframe": rows}).validate(expectations, result_format={"result_format": "BASIC", "partial_unexpected_count": _SHOWN_VALUES})
    by_rule = {result.expectation_config.meta["rule"]: result.to_json_dict() for result in found.results}
    return [by_rule.get(meant["meta"]["rule"], {}) for meant in suite["expectations"]]


def _expectation(meant: dict[str, Any]) -> Any:
    import great_expectations.expectations as gxe

    kind = "".join(part.capitalize() for part in meant["type"].split("_"))
    return getattr(gxe, kind)(**meant["kwargs"], severity=meant["severity"], meta=meant["meta"])


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
    if "observed_value" in seen:
        return json.dumps(seen["observed_value"], default=str)
    if "unexpected_count" in seen:
        return f"{seen['unexpected_count']} of {seen.get('element_count')} rows, e.g. {json.dumps(seen.get('partial_unexpected_list', []), default=str)[:300]}"
    return json.dumps(seen, default=str)[:300]
