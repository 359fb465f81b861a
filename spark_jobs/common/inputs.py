"""What a stage reads: landing files, tables and refused rows of its own run by the snapshots in the receipts, released
tables pinned once.
"""

from typing import TYPE_CHECKING

from expectations.contract import Table
from spark_jobs.common.arrival import read_arrival, valid_rows
from spark_jobs.common.lake import table_name
from spark_jobs.common.ledger import Ledger, Run
from spark_jobs.common.outcome import Blocked
from spark_jobs.common.quarantine import quarantine_table, refused_rows
from spark_jobs.common.receipt import landed_input
from spark_jobs.common.stage import FromRun, Landed, Quarantined, Read, Released, StateBefore
from spark_jobs.common.work import Work

if TYPE_CHECKING:
    from pyspark.sql import DataFrame


def read_inputs(work: Work) -> list["DataFrame"]:
    """What the transform gets, in the order of the stage's reads: of landing files only the rows that break no rule."""
    pins = _released_pins(work)
    return [_read(work, read, pins) for read in work.stage.reads]


def _read(work: Work, read: Read, pins: dict[str, int]) -> "DataFrame":
    if isinstance(read, Landed):
        return _read_landed(work, read)
    if isinstance(read, Quarantined):
        return _read_quarantined(work, read)
    return _read_pinned(work, read, pins)


def _read_landed(work: Work, read: Landed) -> "DataFrame":
    window = (read.read_window or work.stage.read_window)(work.run.window, work.params)
    arrival = work.landing.take(read.table, window, read.by_arrival)
    work.arrivals[read.table.name] = arrival
    work.inputs.append(landed_input(arrival))
    work.landed[read.table.name] = read_arrival(work.spark, arrival)
    return valid_rows(work.landed[read.table.name])


def _read_quarantined(work: Work, read: Quarantined) -> "DataFrame":
    """Nothing where the stage has refused nothing: it need not have written a quarantine at all."""
    kept = quarantine_table(read.table)
    name = table_name(kept, work.run.tier)
    rows = _read_snapshot(work, kept, name, work.upstream[read.stage].snapshots.get(name), stage=read.stage)
    return refused_rows(rows, read.table, work.run.run_key, read.stage)


def _read_pinned(work: Work, read: FromRun | Released | StateBefore, pins: dict[str, int]) -> "DataFrame":
    if isinstance(read, FromRun):
        name = table_name(read.table, work.run.tier)
        return _read_snapshot(work, read.table, name, work.upstream[read.stage].snapshots[name], stage=read.stage)
    if isinstance(read, StateBefore):
        name, start = table_name(read.table, work.run.tier), work.run.window.start
        snapshot = state_before(work.ledger, work.run, name, work.params.state_from)
        return _read_snapshot(work, read.table, name, snapshot, state_at=start.isoformat())
    name = table_name(read.table, read.tier or work.run.tier)
    return _read_snapshot(work, read.table, name, pins.get(name))


def _read_snapshot(work: Work, table: Table, name: str, snapshot: int | None, **source: str) -> "DataFrame":
    """The rows of a snapshot, which is noted for the receipt; none without one."""
    work.inputs.append({"table": name, "snapshot": snapshot, **source})
    return work.lake.read(name, snapshot) if snapshot else work.spark.createDataFrame([], table.ddl())


def state_before(ledger: Ledger, run: Run, name: str, state_from: str) -> int | None:
    """The snapshot that a state had when the run's window began; None for the day with which it is declared to begin.

    Raises ``Blocked`` when the window is not made of whole days, when a run that goes on covers more than one, when the day
    before has no release, or a release that rests on days which were run again since.
    """
    if not run.window.is_whole_days:
        raise Blocked(
            f"A state moves on by whole UTC days, and {run.window} is none: give a window from midnight to midnight."
        )
    if run.window.starts_on(state_from):
        return None
    if len(run.window.by_day()) > 1:
        raise Blocked(
            f"A run that goes on from a state covers one day, and {run.window} covers more: run them in order."
        )
    return ledger.state_at(run.pipeline, run.tier, name, run.window.start)


def _released_pins(work: Work) -> dict[str, int]:
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
