"""Builds one stage: pin the inputs, transform, split, write to the attempt's branch, audit what was written, sign the receipt."""

import hashlib
import logging
import resource
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from expectations.contract import Table
from spark_jobs.common import faults
from spark_jobs.common.audit import audit, share_rules
from spark_jobs.common.disposition import DROPPED, DUPLICATE
from spark_jobs.common.lake import Lake, table_name
from spark_jobs.common.landing import Arrival, Landing, read_arrival
from spark_jobs.common.ledger import Attempt, Ledger, Receipt, Run
from spark_jobs.common.ledger.renewal import renewed
from spark_jobs.common.provenance import code_sha, described, fingerprint
from spark_jobs.common.quarantine import derived_rows, file_rows, landed_rows, quarantine_table
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
    arrivals: dict[str, Arrival] = field(default_factory=dict)
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

    @contextmanager
    def phase(self, name: str) -> Iterator[None]:
        """Time a part of the build; the receipt lists the seconds of each."""
        began = time.monotonic()
        yield
        self.phases[name] = round(self.phases.get(name, 0.0) + time.monotonic() - began, 2)
        _log.info("%s %s: %s %.1f s", self.run.pipeline, self.stage.name, name, time.monotonic() - began)


def build(spark: "SparkSession", ledger: Ledger, landing: Landing, stage: Stage, run: Run, params: Any) -> Receipt:
    """Build a stage of a run and return its receipt.

    Raises ``Blocked`` when an upstream checkpoint has not passed, ``Settled`` when a newer attempt took over, ``LeaseHeld`` while another
    run writes.
    """
    began = time.monotonic()
    with renewed(ledger, ledger.begin(run, stage.name)) as attempt:
        work = Build(spark, ledger, landing, stage, run, params, attempt)
        upstream = ledger.require_passed(run.run_key, stage.upstream)
        with work.phase("pin"):
            work.lake.ensure(run.pipeline, [write.table for write in stage.writes], run.tier)
            frames = _read(work, upstream)
        with work.phase("transform"):
            valid = [frame.where("_broken_rule IS NULL") if isinstance(read, Landed) else frame for read, frame in zip(stage.reads, frames, strict=True)]
            outputs = stage.transform(*valid, window=run.window, params=params)
        faults.point("before_branch_write")
        _write(work, frames, outputs)
        faults.point("after_branch_write")
        with work.phase("audit"):
            _audit(work)
        document = _document(work, time.monotonic() - began)
        receipt_id = ledger.write_receipt(attempt, document)
        faults.point("after_receipt")
        spark.catalog.clearCache()
        return Receipt(receipt_id, attempt.attempt_id, run.run_key, stage.name, document)


# -- reading --------------------------------------------------------------------------------------------------------------


def _read(work: Build, upstream: dict[str, Receipt]) -> list["DataFrame"]:
    pins = _released_pins(work)
    frames = []
    for read in work.stage.reads:
        if isinstance(read, Landed):
            arrival = work.landing.take(read.table, work.stage.read_window(work.run.window, work.params))
            work.arrivals[read.table.name] = arrival
            work.inputs.append(_landed_input(arrival))
            frames.append(read_arrival(work.spark, arrival))
            continue
        if isinstance(read, FromRun):
            name = table_name(read.table, work.run.tier)
            snapshot: int | None = upstream[read.stage].snapshots[name]
        else:
            name = table_name(read.table, read.tier or work.run.tier)
            snapshot = pins.get(name)
        work.inputs.append({"table": name, "snapshot": snapshot})
        frames.append(work.lake.read(name, snapshot) if snapshot else work.spark.createDataFrame([], read.table.ddl()))
    return frames


def _released_pins(work: Build) -> dict[str, int]:
    """The snapshot of each released table this build reads; the newest live window, rebuilt, reads what it read first."""
    wanted = [read for read in work.stage.reads if isinstance(read, Released)]
    if work.run.explicit and work.run.tier == "live" and wanted:
        first = work.ledger.first_receipt(work.run.pipeline, work.run.tier, work.run.window, work.stage.name)
        if first is not None:
            return {entry["table"]: entry["snapshot"] for entry in first.document["inputs"] if entry.get("snapshot")}
    pins: dict[str, int] = {}
    for read in wanted:
        tier = read.tier or work.run.tier
        newest = work.ledger.releases(read.table.pipeline, tier)[:1]
        pins |= {name: snapshot for release in newest for name, snapshot in release.snapshots.items()}
    return pins


def _landed_input(arrival: Arrival) -> dict[str, Any]:
    return {
        "landing": arrival.table.name,
        "supplied": arrival.supplied,
        "rows": arrival.rows,
        "files": [{"file": file.name, "sha256": file.sha256, "rows": file.rows} for file in arrival.files],
        "refused": [{"file": file.name, "reason": file.reason, "sha256": file.sha256} for file in arrival.refused],
        "unknown_columns": arrival.unknown_columns,
    }


# -- writing --------------------------------------------------------------------------------------------------------------


def _write(work: Build, frames: list["DataFrame"], outputs: tuple["DataFrame", ...]) -> None:
    from pyspark.sql import functions as F

    landed = {read.table.name: (read.table, frame) for read, frame in zip(work.stage.reads, frames, strict=True) if isinstance(read, Landed)}
    with work.phase("count landing"):
        refused = _count_broken(landed)
    for write, output in zip(work.stage.writes, outputs, strict=True):
        name = table_name(write.table, work.run.tier)
        broken = F.expr(write.table.first_broken_rule_sql())
        checked = output.withColumn("_broken_rule", F.when(F.col(DROPPED).isNull(), broken) if DROPPED in output.columns else broken)
        if write.balances is None:
            checked = checked.persist()
        with work.phase(f"write {write.table.name}"):
            fate = _count_fates(checked)
            _replace(work, write, name, checked)
            _quarantine(work, write.table, derived_rows(checked, write.table, work.run.run_key, work.stage.name, _scope_start(work)), fate["quarantined"])
        published = work.tables[name]["rows"]
        _account(work, write, name, published, fate, refused)
    with work.phase("quarantine"):
        for name, (table, frame) in landed.items():
            rows = landed_rows(frame, table, work.run.run_key, work.stage.name)
            files = file_rows(work.spark, work.arrivals[name].refused, work.run.run_key, work.stage.name)
            if files is not None:
                rows = rows.unionByName(files)
            _quarantine(work, table, rows, refused.get(name, 0) + len(work.arrivals[name].refused))


def _replace(work: Build, write: Write, name: str, checked: "DataFrame") -> None:
    """Write the valid rows to the attempt's branch and note the snapshot."""
    kept = checked.where("_broken_rule IS NULL")
    if DROPPED in checked.columns:
        kept = kept.where(f"{DROPPED} IS NULL")
    replaced = write.table.replace
    rows = kept.select(*[f"`{column.name}`" for column in write.table.columns])
    if replaced.columns:
        rows = rows.sortWithinPartitions(*[f"`{column}`" for column in dict.fromkeys((*replaced.columns, *write.table.key))])
    scope = scope_condition(write, work.run.window, work.params)
    base = work.lake.heads([name])[name]
    work.lake.branch(name, work.branch, base)
    written = work.lake.replace(name, work.branch, base, scope, rows, _properties(work))
    work.tables[name] = {"base": base, "snapshot": written.snapshot, "branch": work.branch, "scope": scope, "rows": written.rows, "audited": True}


def _quarantine(work: Build, table: Table, rows: "DataFrame", count: int) -> None:
    """Replace this stage's earlier quarantine of the same files or window; a table that has nothing to say is left alone."""
    kept = quarantine_table(table)
    name = table_name(kept, work.run.tier)
    if count == 0 and not work.lake.exists(name):
        return
    work.lake.ensure(work.run.pipeline, [kept], work.run.tier)
    files = work.arrivals[table.name] if table.name in work.arrivals else None
    taken = [*(file.name for file in files.files), *(file.name for file in files.refused)] if files else []
    listed = ", ".join("'" + name.replace("'", "\\'") + "'" for name in taken)
    window = work.run.window
    derived = f"scope_start >= TIMESTAMP '{window.start:%Y-%m-%d %H:%M:%S}+00:00' AND scope_start < TIMESTAMP '{window.end:%Y-%m-%d %H:%M:%S}+00:00'"
    scope = f"stage = '{work.stage.name}' AND ({derived}{f' OR source_file IN ({listed})' if listed else ''})"
    base = work.lake.heads([name])[name]
    work.lake.branch(name, work.branch, base)
    written = work.lake.replace(name, work.branch, base, scope, rows, _properties(work))
    work.tables[name] = {"base": base, "snapshot": written.snapshot, "branch": work.branch, "scope": scope, "rows": written.rows, "audited": False}


def _properties(work: Build) -> dict[str, str]:
    return {"signalbox.run": work.run.run_key, "signalbox.attempt": str(work.attempt.attempt_id), "signalbox.stage": work.stage.name}


def _scope_start(work: Build) -> str:
    return f"{work.run.window.start:%Y-%m-%d %H:%M:%S}+00:00"


# -- the balance of rows ----------------------------------------------------------------------------------------------------


def _count_broken(landed: dict[str, tuple[Table, "DataFrame"]]) -> dict[str, int]:
    """Rows of each landing table that broke a row rule, in one job."""
    from pyspark.sql import functions as F

    parts = [frame.where("_broken_rule IS NOT NULL").select(F.lit(name).alias("t")) for name, (_, frame) in landed.items()]
    if not parts:
        return {}
    together = parts[0]
    for part in parts[1:]:
        together = together.union(part)
    return {row.t: row["count"] for row in together.groupBy("t").count().collect()}


def _count_fates(checked: "DataFrame") -> dict[str, Any]:
    """How many rows of an output are kept, left out by each reason, or refused by its contract."""
    dropped = DROPPED if DROPPED in checked.columns else f"CAST(NULL AS STRING) AS {DROPPED}"
    fate: dict[str, Any] = {"kept": 0, "quarantined": 0, "duplicate": 0, "filtered": {}}
    grouped = checked.selectExpr(dropped, "_broken_rule IS NOT NULL AS broken").groupBy(DROPPED, "broken").count()
    for row in grouped.collect():
        if row[DROPPED] == DUPLICATE:
            fate["duplicate"] += row["count"]
        elif row[DROPPED] is not None:
            fate["filtered"][row[DROPPED]] = row["count"]
        else:
            fate["quarantined" if row.broken else "kept"] += row["count"]
    return fate


def _account(work: Build, write: Write, name: str, published: int, fate: dict[str, Any], refused: dict[str, int]) -> None:
    """Enter one output into the receipt's balance; for a landing table's own output every row must be found again."""
    entry: dict[str, Any] = {"published": published, **{key: fate[key] for key in ("duplicate", "filtered", "quarantined")}}
    if write.balances is not None:
        entry["quarantined"] += refused.get(write.balances, 0)
        entry["read"] = work.arrivals[write.balances].rows
        found = published + entry["quarantined"] + entry["duplicate"] + sum(entry["filtered"].values())
        said = "Rows read = published + quarantined + duplicates + filtered."
        observed = f"read {entry['read']}, found again {found}"
        work.rules.append(_rule(name, "row_balance", said, "critical", found == entry["read"], entry["read"], observed))
    elif published != fate["kept"]:
        work.rules.append(_rule(name, "row_balance", "Every row kept is written once.", "critical", False, fate["kept"], f"wrote {published}"))
    work.balance[name] = entry
    total = published + entry["quarantined"]
    work.rules += share_rules(name, write.table, entry["quarantined"], total)


def _rule(table: str, name: str, sentence: str, severity: str, success: bool, evaluated: int | None, observed: str) -> dict[str, Any]:
    return {
        "table": table,
        "rule": name,
        "sentence": sentence,
        "severity": severity,
        "success": success,
        "evaluated": evaluated,
        "observed": observed,
        "exception": None,
    }


# -- audit and receipt --------------------------------------------------------------------------------------------------------


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
        work.rules += _arrival_rules(arrival)


def _arrival_rules(arrival: Arrival) -> list[dict[str, Any]]:
    name, count = arrival.table.name, len(arrival.files) + len(arrival.refused)
    rules = []
    if arrival.refused:
        shown = "; ".join(f"{file.name} {file.reason}" for file in arrival.refused[:3])
        share = len(arrival.refused) / count
        severity = "critical" if share > arrival.table.max_quarantine_share else "warning"
        rules.append(_rule(name, "files_whole", f"Every landing file of {name} is whole and readable.", severity, False, count, shown))
    if arrival.unknown_columns:
        listed = ", ".join(arrival.unknown_columns[:10])
        rules.append(_rule(name, "known_columns", f"Landing files of {name} have only columns of the contract.", "warning", False, count, listed))
    return rules


def content_hash(rows: "DataFrame", table: Table) -> str:
    """A hash of the rows that does not depend on their order; columns about the run take no part."""
    from pyspark.sql import functions as F

    columns = [f"`{column.name}`" for column in table.columns if not column.metadata]
    each = F.xxhash64(*columns)
    # Two independent sums: a row that changes in step with another cannot hide in both.
    row = rows.select(each.cast("decimal(38,0)").alias("h"), F.xxhash64(each, F.lit(1)).cast("decimal(38,0)").alias("g"))
    total = row.agg(F.count("*").alias("n"), F.sum("h").alias("h"), F.sum("g").alias("g")).collect()[0]
    return hashlib.sha256(f"{total.n}/{total.h or 0}/{total.g or 0}".encode()).hexdigest()[:32]


def _document(work: Build, seconds: float) -> dict[str, Any]:
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    window = work.run.window
    return {
        "pipeline": work.run.pipeline,
        "cadence": work.run.cadence,
        "tier": work.run.tier,
        "window": [window.start.isoformat(), window.end.isoformat()],
        "attempt": work.attempt.number,
        "token": work.attempt.token,
        "inputs": work.inputs,
        "tables": work.tables,
        "balance": work.balance,
        "rules": work.rules,
        "not_supplied": [name for name, arrival in work.arrivals.items() if not arrival.supplied],
        "code": code_sha(),
        "params": described(work.params),
        "params_hash": fingerprint(described(work.params)),
        "contracts": {write.table.name: write.table.fingerprint() for write in work.stage.writes},
        "seconds": round(seconds, 2),
        "phases": work.phases,
        "cpu_seconds": round(sum(u.ru_utime + u.ru_stime for u in used), 2),
        "peak_memory_mb": round(max(u.ru_maxrss for u in used) / 1024),
    }
