"""From a receipt to a verdict: pass, warn or block, and the sentence that says why. Fails closed."""

from typing import Any

from spark_jobs.common.ledger.records import Receipt, Verdict


def judge(stage: str, receipt: Receipt | None) -> Verdict:
    """A missing receipt, a suite that judged nothing, or a critical rule that failed or raised, blocks."""
    if receipt is None:
        return Verdict(
            "block",
            f"Stage {stage} has no receipt for its newest attempt: nothing proves its rows. Run the stage again.",
        )
    rules: list[dict[str, Any]] = receipt.document.get("rules", [])
    silent = [
        name for name, entry in receipt.document["tables"].items() if entry.get("audited") and not _judged(rules, name)
    ]
    if not rules or silent:
        return Verdict(
            "block",
            f"Stage {stage}: no rule was evaluated for {', '.join(silent) or 'any table'}.",
            rules,
            receipt.receipt_id,
        )
    failed = [rule for rule in rules if not rule["success"]]
    critical = [rule for rule in failed if rule["severity"] == "critical" or rule.get("exception")]
    if critical:
        return Verdict("block", _sentence(stage, critical), rules, receipt.receipt_id)
    warned = [rule for rule in failed if rule["severity"] == "warning"]
    if warned:
        return Verdict("warn", _sentence(stage, warned), rules, receipt.receipt_id)
    return Verdict("pass", f"Stage {stage}: all {len(rules)} rules hold.", rules, receipt.receipt_id)


def _judged(rules: list[dict[str, Any]], table: str) -> bool:
    return any(rule["table"] == table for rule in rules)


def _sentence(stage: str, broken: list[dict[str, Any]]) -> str:
    first = broken[0]
    why = (
        f" The rule could not be evaluated: {first['exception']}"
        if first.get("exception")
        else f" Observed: {first.get('observed')}."
    )
    others = f" ({len(broken) - 1} more rules broken.)" if len(broken) > 1 else ""
    return f"Stage {stage}, table {first['table']}, rule {first['rule']}: broken is «{first['sentence']}»{why}{others}"
