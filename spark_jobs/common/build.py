"""Builds one stage: pin the inputs, transform, split, write to the attempt's branch, audit what was written, sign the
receipt.
"""

import hashlib
import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from expectations.contract import Table
from spark_jobs.common import faults
from spark_jobs.common.arrival import read_arrival, valid_rows
from spark_jobs.common.audit import arrival_rules, audit
from spark_jobs.common.balance import Fates, balance, count_broken, count_fates
from spark_jobs.common.disposition import DROPPED
from spark_jobs.common.lake import Lake, table_name
from spark_jobs.common.landing import Arrival, Landing
from spark_jobs.common.ledger import Attempt, Ledger, Receipt, Run
from spark_jobs.common.ledger.renewal import renewed
from spark_jobs.common.quarantine import derived_rows, file_rows, landed_rows, quarantine_table, replaced_rows
from spark_jobs.common.receipt import content_hash, effort, landed_input, who_and_how
from spark_jobs.common.release import finish_interrupted
from spark_jobs.common.stage import FromRun, Landed, Released, Stage, Write, scope_condition

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

_log = logging.getLogger(__name__)


@dataclass
class Build:
    """One attempt at one stage, and what it has learnt so far for the receipt."""

    spark: "SparkSession"
    ledger: Ledger
    landing: Landing
    stage: Stage
    run: Run
    params: Any
    attempt: Attempt
    lake: Lake = field(init=False)
    upstream: dict[str, Receipt] = field(default_factory=dict)
    arrivals: dict[str, Arrival] = field(default_factory=dict)
    landed: dict[str, "DataFrame"] = field(default_factory=dict)
    inputs: list[dict[str, Any]] = field(default_factory=list)
    tables: dict[str, dict[str, Any]] = field(default_factory=dict)
    balance: dict[str, dict[str, Any]] = field(default_factory=dict)
    rules: list[dict[str, Any]] = field(default_factory=list)
    phases: dict[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.lake = Lake(self.spark)

    @property
    def branch(self) -> str:
        digest = hashlib.sha256(self.run.run_key.encode()).hexdigest()[:10]
        return f"run_{digest}_{self.attempt.attempt_id}"

    @property
    def properties(self) -> dict[str, str]:
        """What each commit says about where it came from."""
        attempt = str(self.attempt.attempt_id)
        return {"signalbox.run": self.run.run_key, "signalbox.attempt": attempt, "signalbox.stage": self.stage.name}

    @contextmanager
    def phase(self, name: str) -> Iterator[None]:
        """Time a part of the build; the receipt lists the seconds of each."""
        began = time.monotonic()
        yield
        self.phases[name] = round(self.phases.get(name, 0.0) + time.monotonic() - began, 2)
        _log.info("%s %s: %s %.1f s", self.run.pipeline, self.stage.name, name, time.monotonic() - began)


def build(spark: "SparkSession", ledger: Ledger, landing: Landing, stage: Stage, run: Run, params: Any) -> Receipt:
    """Build a stage of a run and return its receipt.

    Raises ``Blocked`` when an upstream checkpoint has not passed, ``Settled`` when another attempt or run has done the
    work, ``TryAgain`` while another run writes or when the tables or files changed under the build.
    """
    began = time.monotonic()
    with renewed(ledger, ledger.begin(run, stage.name)) as attempt:
        work = Build(spark, ledger, landing, stage, run, params, attempt)
        work.upstream = ledger.require_passed(run.run_key, stage.upstream)
        with work.phase("pin"):
            finish_interrupted(spark, ledger, attempt)
            work.lake.ensure(run.pipeline, [write.table for write in stage.writes], run.tier)
            frames = _read(work)
        with work.phase("transform"):
            outputs = stage.transform(*frames, window=run.window, params=params)
        faults.point("before_branch_write")
        _write(work, outputs)
        faults.point("after_branch_write")
        with work.phase("audit"):
            _audit(work)
        document = _document(work, time.monotonic() - began)
        receipt_id = ledger.write_receipt(attempt, document)
        faults.point("after_receipt")
        spark.catalog.clearCache()
        return Receipt(receipt_id, attempt.attempt_id, run.run_key, stage.name, document)


# -- reading ---------------------------------------------------------------------------------------------------


def _read(work: Build) -> list["DataFrame"]:
    """What the transform gets, in the order of the stage's reads: of landing files only the rows that break no rule."""
    pins = _released_pins(work)
    return [
        _read_landed(work, read) if isinstance(read, Landed) else _read_pinned(work, read, pins)
        for read in work.stage.reads
    ]


def _read_landed(work: Build, read: Landed) -> "DataFrame":
    arrival = work.landing.take(read.table, work.stage.read_window(work.run.window, work.params))
    work.arrivals[read.table.name] = arrival
    work.inputs.append(landed_input(arrival))
    work.landed[read.table.name] = read_arrival(work.spark, arrival)
    return valid_rows(work.landed[read.table.name])


def _read_pinned(work: Build, read: FromRun | Released, pins: dict[str, int]) -> "DataFrame":
    if isinstance(read, FromRun):
        name = table_name(read.table, work.run.tier)
        snapshot: int | None = work.upstream[read.stage].snapshots[name]
        work.inputs.append({"table": name, "snapshot": snapshot, "stage": read.stage})
    else:
        name = table_name(read.table, read.tier or work.run.tier)
        snapshot = pins.get(name)
        work.inputs.append({"table": name, "snapshot": snapshot})
    return work.lake.read(name, snapshot) if snapshot else work.spark.createDataFrame([], read.table.ddl())


def _released_pins(work: Build) -> dict[str, int]:
    """The snapshot of each released table this build reads; the newest live window, rebuilt, reads what it read first."""
    wanted = [read for read in work.stage.reads if isinstance(read, Released)]
    run = work.run
    if run.explicit and run.tier == "live" and wanted:
        first = work.ledger.first_receipt(run.pipeline, run.tier, run.window, work.stage.name)
        if first is not None:
            read = [entry for entry in first.document["inputs"] if "table" in entry and "stage" not in entry]
            return {entry["table"]: entry["snapshot"] for entry in read if entry["snapshot"]}
    pins: dict[str, int] = {}
    for tier in {read.tier or run.tier for read in wanted}:
        for release in work.ledger.releases(run.pipeline, tier)[:1]:
            pins |= release.snapshots
    return pins


# -- writing ---------------------------------------------------------------------------------------------------


def _write(work: Build, outputs: tuple["DataFrame", ...]) -> None:
    with work.phase("count landing"):
        refused = count_broken(work.landed)
    for write, output in zip(work.stage.writes, outputs, strict=True):
        with work.phase(f"write {write.table.name}"):
            _write_output(work, write, output, refused)
    with work.phase("quarantine"):
        for name, frame in work.landed.items():
            _quarantine_landed(work, name, frame, refused.get(name, 0))
    for arrival in work.arrivals.values():
        arrival.require_unchanged()


def _write_output(work: Build, write: Write, output: "DataFrame", refused: dict[str, int]) -> None:
    """Split one output, publish the valid rows on the branch and the rest in quarantine, and account for every row."""
    from pyspark.sql import functions as F

    name, scope = table_name(write.table, work.run.tier), scope_condition(write, work.run.window, work.params)
    broken = F.expr(write.table.first_broken_rule_sql())
    marked = DROPPED in output.columns
    checked = output.withColumn("_broken_rule", F.when(F.col(DROPPED).isNull(), broken) if marked else broken)
    if write.balances is None:
        checked = checked.persist()
    fates = count_fates(checked, scope)
    valid = checked.where(f"_broken_rule IS NULL AND {DROPPED} IS NULL" if marked else "_broken_rule IS NULL")
    _replace(work, name, scope, _in_order(valid, write.table))
    work.tables[name] |= {"audited": True, "day": write.table.day}
    rows = derived_rows(checked, write.table, work.run.run_key, work.stage.name, work.run.window)
    _quarantine(work, write.table, rows, fates.quarantined, None)
    _account(work, write, name, fates, refused)


def _account(work: Build, write: Write, name: str, fates: Fates, refused: dict[str, int]) -> None:
    landed = write.balances or ""
    read = work.arrivals[landed].rows if landed else 0
    entry, rules = balance(write, name, work.tables[name]["rows"], fates, read, refused.get(landed, 0))
    work.balance[name] = entry
    work.rules += rules


def _in_order(rows: "DataFrame", table: Table) -> "DataFrame":
    """The contract's columns; rows sorted by what is replaced together, so that a later replacement touches few files."""
    rows = rows.select(*[f"`{column.name}`" for column in table.columns])
    order = dict.fromkeys((*table.replace.columns, *table.key)) if table.replace.columns else {}
    return rows.sortWithinPartitions(*[f"`{column}`" for column in order]) if order else rows


def _quarantine_landed(work: Build, name: str, frame: "DataFrame", count: int) -> None:
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


def _quarantine(work: Build, table: Table, rows: "DataFrame", count: int, arrival: Arrival | None) -> None:
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


def _replace(work: Build, name: str, scope: str, rows: "DataFrame", onto: int | None = None) -> None:
    """Write one table's replacement to the attempt's branch, opened on ``main`` or ``onto``, and note it for the
    receipt.
    """
    base = work.lake.heads([name])[name]
    work.lake.branch(name, work.branch, onto or base)
    written = work.lake.replace(name, work.branch, onto or base, scope, rows, work.properties)
    known = {"base": base, "snapshot": written.snapshot, "branch": work.branch, "scope": scope, "rows": written.rows}
    work.tables[name] = {**known, "audited": False}


# -- audit and receipt -----------------------------------------------------------------------------------------


def _audit(work: Build) -> None:
    """Judge each output as it lies in its snapshot, and the files as they arrived."""
    for write in work.stage.writes:
        name = table_name(write.table, work.run.tier)
        entry = work.tables[name]
        rows = work.lake.read(name, entry["snapshot"]).where(entry["scope"])
        entry["content_hash"] = content_hash(rows, write.table)
        absent = write.balances is not None and not work.arrivals[write.balances].supplied
        for rule in audit(write.table, name, rows):
            if absent and rule["rule"] == "has_rows":
                rule |= {"success": True, "observed": "not_supplied", "exception": None}
            work.rules.append(rule)
    for arrival in work.arrivals.values():
        work.rules += arrival_rules(arrival)


def _document(work: Build, seconds: float) -> dict[str, Any]:
    return {
        **who_and_how(work.attempt, work.stage, work.params),
        "inputs": work.inputs,
        "tables": work.tables,
        "balance": work.balance,
        "rules": work.rules,
        "not_supplied": [name for name, arrival in work.arrivals.items() if not arrival.supplied],
        **effort(seconds, work.phases),
    }
