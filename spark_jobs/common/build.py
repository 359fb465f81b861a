"""Builds one stage: pin the inputs, transform, split, write to the attempt's branch, audit that, sign the receipt."""

import time
from collections import Counter
from contextlib import nullcontext
from functools import partial
from typing import TYPE_CHECKING, Any

from expectations.contract import Table
from spark_jobs.common import faults
from spark_jobs.common.audit import arrival_rules, audit, share_rules
from spark_jobs.common.balance import balance, count_broken, count_fates
from spark_jobs.common.disposition import DROPPED
from spark_jobs.common.inputs import read_inputs
from spark_jobs.common.lake import table_name
from spark_jobs.common.landing import Arrival, Landing
from spark_jobs.common.ledger import Ledger, Receipt, Run
from spark_jobs.common.ledger.renewal import renewed
from spark_jobs.common.quarantine import derived_rows, file_rows, in_words, landed_rows, quarantine_table, replaced_rows
from spark_jobs.common.receipt import content_hash, effort, who_and_how
from spark_jobs.common.release import finish_interrupted
from spark_jobs.common.reuse import computed_once, forgotten_afterwards, is_kept
from spark_jobs.common.side_by_side import side_by_side
from spark_jobs.common.stage import Stage, Write, scope_condition
from spark_jobs.common.work import Work

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

# An output of more rows is computed twice, to be counted and to be written, rather than kept in between.
KEPT_ROWS = 10_000_000


def build(spark: "SparkSession", ledger: Ledger, landing: Landing, stage: Stage, run: Run, params: Any) -> Receipt:
    """Build a stage of a run and return its receipt.

    Raises ``Blocked`` when an upstream checkpoint has not passed, ``Settled`` when another attempt or run has done the
    work, ``TryAgain`` while another run writes or when the tables or files changed under the build.
    """
    began = time.monotonic()
    with renewed(ledger, ledger.begin(run, stage.name)) as attempt:
        work = Work(spark, ledger, landing, stage, run, params, attempt)
        work.upstream = ledger.require_passed(run.run_key, stage.upstream)
        with forgotten_afterwards(), work.lake.joined_by_bucket() if stage.joins_buckets else nullcontext():
            _build(work)
            document = _document(work, time.monotonic() - began)
            receipt_id = ledger.write_receipt(attempt, document)
        faults.point("after_receipt")
        return Receipt(receipt_id, attempt.attempt_id, run.run_key, stage.name, document)


def _build(work: Work) -> None:
    with work.phase("pin"):
        finish_interrupted(work.spark, work.ledger, work.attempt)
        work.lake.ensure(work.run.pipeline, [write.table for write in work.stage.writes], work.run.tier)
        frames = read_inputs(work)
    with work.phase("transform"):
        outputs = work.stage.transform(*frames, window=work.run.window, params=work.params)
    faults.point("before_branch_write")
    _write(work, outputs)


# -- writing ---------------------------------------------------------------------------------------------------


def _write(work: Work, outputs: tuple["DataFrame", ...]) -> None:
    """Write every output and judge each as it lies in its snapshot, while the next are still being written."""
    with work.phase("count landing"):
        refused = count_broken(work.landed)
    work.rules += _shares_refused(work, refused)
    pairs = zip(work.stage.writes, outputs, strict=True)
    judged: list[dict[str, Any]] = []
    with side_by_side(work.spark, [partial(_write_output, work, *pair, refused) for pair in pairs]) as written:
        for write, accounts in zip(work.stage.writes, written, strict=True):
            with work.phase("write"):
                work.rules += accounts.result()
            with work.phase("audit"):
                judged += _audit(work, write)
    work.rules += judged
    with work.phase("quarantine"):
        for name, frame in work.landed.items():
            _quarantine_landed(work, name, frame, refused[name].total())
    for arrival in work.arrivals.values():
        arrival.require_unchanged()
        work.rules += arrival_rules(arrival)


def _shares_refused(work: Work, refused: dict[str, Counter[str]]) -> list[dict[str, Any]]:
    """The limits on what was refused of landing tables whose rows are no output's alone; those of the others are the output's."""
    balanced = {write.balances for write in work.stage.writes if not write.made}
    rules: list[dict[str, Any]] = []
    for name in (name for name, broken in refused.items() if broken and name not in balanced):
        arrival = work.arrivals[name]
        rules += share_rules(name, arrival.table, in_words(arrival.table, refused[name]), arrival.rows)
    return rules


def _write_output(
    work: Work, write: Write, output: "DataFrame", refused: dict[str, Counter[str]]
) -> list[dict[str, Any]]:
    """Split one output, publish the valid rows on the branch and the rest in quarantine; the rules that account for
    every row.
    """
    from pyspark.sql import functions as F

    name, scope = table_name(write.table, work.run.tier), scope_condition(write, work.run.window, work.params)
    broken = F.expr(write.table.first_broken_rule_sql())
    marked = DROPPED in output.columns
    checked = output.withColumn("_broken_rule", F.when(F.col(DROPPED).isNull(), broken) if marked else broken)
    if _read(work, write) <= KEPT_ROWS and not is_kept(output):
        checked = computed_once(checked)
    fates = count_fates(checked, scope, write.made)
    valid = checked.where(f"_broken_rule IS NULL AND {DROPPED} IS NULL" if marked else "_broken_rule IS NULL")
    _replace(work, name, scope, _in_order(valid, write.table))
    faults.point("after_branch_write")
    digest = content_hash(_written(work, name), write.table)
    work.tables[name] |= {"audited": True, "day": write.table.day, "content_hash": digest}
    if write.table.replace.kind == "state":
        work.tables[name]["state_tag"] = f"ds_{work.run.window.last_day:%Y%m%d}"
    rows = derived_rows(checked, write.table, work.run.run_key, work.stage.name, work.run.window)
    _quarantine(work, write.table, rows, fates.broken.total(), None)
    published, landed = work.tables[name]["rows"], write.balances
    told = in_words(work.arrivals[landed].table, refused[landed]) if landed else Counter()
    work.balance[name], rules = balance(write, name, published, fates, _read(work, write), told)
    return rules


def _written(work: Work, name: str) -> "DataFrame":
    """What the attempt wrote, read back from its snapshot."""
    entry = work.tables[name]
    return work.lake.read(name, entry["snapshot"]).where(entry["scope"])


def _read(work: Work, write: Write) -> int:
    """Rows of the landing table that the output balances."""
    return work.arrivals[write.balances].rows if write.balances else 0


def _in_order(rows: "DataFrame", table: Table) -> "DataFrame":
    """The contract's columns; rows sorted by what is replaced together, so that a later replacement touches few files.

    Beyond that they keep the order in which they landed: neighbours there are alike and pack well.
    """
    rows = rows.select(*[f"`{column.name}`" for column in table.columns])
    replaced, landed = table.replace.columns, "source_row" in table.column_names
    order = dict.fromkeys((*replaced, *(("source_row",) if landed else table.key if replaced else ())))
    return rows.sortWithinPartitions(*[f"`{column}`" for column in order]) if order else rows


def _quarantine_landed(work: Work, name: str, frame: "DataFrame", count: int) -> None:
    arrival, stage = work.arrivals[name], work.stage.name
    rows = landed_rows(frame, arrival.table, work.run.run_key, stage)
    files = file_rows(work.spark, arrival.refused, work.run.run_key, stage)
    _quarantine(
        work,
        arrival.table,
        rows.unionByName(files) if files is not None else rows,
        count + len(arrival.refused),
        arrival,
    )


def _quarantine(work: Work, table: Table, rows: "DataFrame", count: int, arrival: Arrival | None) -> None:
    """Replace this stage's earlier quarantine of the same files or window; where there is nothing to add or remove,
    nothing is written.
    """
    kept = quarantine_table(table)
    name, scope = table_name(kept, work.run.tier), replaced_rows(work.stage.name, work.run.window, arrival)
    if count == 0 and not work.lake.holds(name, scope):
        return
    work.lake.ensure(work.run.pipeline, [kept], work.run.tier)
    # Where an earlier stage of this run has written the table already, go on from its rows: both will be released.
    others = [receipt for receipt in work.ledger.receipts(work.run.run_key) if receipt.stage != work.stage.name]
    onto = next((receipt.snapshots[name] for receipt in reversed(others) if name in receipt.snapshots), None)
    _replace(work, name, scope, rows, onto)


def _replace(work: Work, name: str, scope: str, rows: "DataFrame", onto: int | None = None) -> None:
    """Write one table's replacement to the attempt's branch, opened on ``main`` or ``onto``, and note it for the
    receipt.
    """
    base = work.lake.base(name)
    work.lake.branch(name, work.branch, onto or base)
    written = work.lake.replace(name, work.branch, onto or base, scope, rows, work.properties)
    known = {"base": base, "snapshot": written.snapshot, "branch": work.branch, "scope": scope, "rows": written.rows}
    work.tables[name] = {**known, "audited": False}


# -- audit and receipt -----------------------------------------------------------------------------------------


def _audit(work: Work, write: Write) -> list[dict[str, Any]]:
    """Judge an output as it lies in its snapshot; a table declared absent may be empty."""
    name = table_name(write.table, work.run.tier)
    rules = audit(write.table, name, _written(work, name))
    if write.balances is not None and not write.made and not work.arrivals[write.balances].supplied:
        for rule in rules:
            if rule["rule"] == "has_rows":
                rule |= {"success": True, "observed": "not_supplied", "exception": None}
    return rules


def _document(work: Work, seconds: float) -> dict[str, Any]:
    return {
        **who_and_how(work.attempt, work.stage, work.params),
        "inputs": work.inputs,
        "tables": work.tables,
        "balance": work.balance,
        "rules": work.rules,
        "not_supplied": [name for name, arrival in work.arrivals.items() if not arrival.supplied],
        **effort(seconds, work.phases),
    }
