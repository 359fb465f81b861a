"""What a stage reads: landing files, tables of its own run by the snapshots in the receipts, released tables pinned
once.
"""

from datetime import date
from typing import TYPE_CHECKING

from spark_jobs.common.arrival import read_arrival, valid_rows
from spark_jobs.common.lake import table_name
from spark_jobs.common.ledger import Ledger, Run
from spark_jobs.common.receipt import landed_input
from spark_jobs.common.stage import FromRun, Landed, Released, StateBefore
from spark_jobs.common.work import Work

if TYPE_CHECKING:
    from pyspark.sql import DataFrame


def read_inputs(work: Work) -> list["DataFrame"]:
    """What the transform gets, in the order of the stage's reads: of landing files only the rows that break no rule."""
    pins = _released_pins(work)
    return [
        _read_landed(work, read) if isinstance(read, Landed) else _read_pinned(work, read, pins)
        for read in work.stage.reads
    ]


def _read_landed(work: Work, read: Landed) -> "DataFrame":
    window = work.stage.read_window(work.run.window, work.params)
    arrival = work.landing.take(read.table, window, read.by_arrival)
    work.arrivals[read.table.name] = arrival
    work.inputs.append(landed_input(arrival))
    work.landed[read.table.name] = read_arrival(work.spark, arrival)
    return valid_rows(work.landed[read.table.name])


def _read_pinned(work: Work, read: FromRun | Released | StateBefore, pins: dict[str, int]) -> "DataFrame":
    if isinstance(read, FromRun):
        name = table_name(read.table, work.run.tier)
        snapshot: int | None = work.upstream[read.stage].snapshots[name]
        work.inputs.append({"table": name, "snapshot": snapshot, "stage": read.stage})
    elif isinstance(read, StateBefore):
        name = table_name(read.table, work.run.tier)
        snapshot = state_before(work.ledger, work.run, name, work.params.state_from)
        work.inputs.append({"table": name, "snapshot": snapshot, "state_at": work.run.window.start.isoformat()})
    else:
        name = table_name(read.table, read.tier or work.run.tier)
        snapshot = pins.get(name)
        work.inputs.append({"table": name, "snapshot": snapshot})
    return work.lake.read(name, snapshot) if snapshot else work.spark.createDataFrame([], read.table.ddl())


def state_before(ledger: Ledger, run: Run, name: str, state_from: str) -> int | None:
    """The snapshot that a state had when the run's window began; None for the day with which it is declared to begin.

    Raises ``Blocked`` when the day before has no release, or a release that rests on days which were run again since.
    """
    if state_from and date.fromisoformat(state_from) == run.window.start.date():
        return None
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
