"""The release: after the last checkpoint, moves ``main`` of every table of the run to the audited snapshot, then
records one release.
"""

import logging
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from spark_jobs.common import faults
from spark_jobs.common.lake import Lake, WriteDisturbed
from spark_jobs.common.ledger import Attempt, Ledger, Receipt, Release, Run
from spark_jobs.common.ledger.renewal import renewed
from spark_jobs.common.outcome import Blocked

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

_log = logging.getLogger(__name__)
Tables = dict[str, dict[str, Any]]


def release(
    spark: "SparkSession", ledger: Ledger, run: Run, stages: tuple[str, ...], contracts: Mapping[str, str]
) -> Release:
    """Publish what the run's checkpoints passed; a repeat after a kill at any point ends in the same one release.

    ``contracts``: the fingerprints of the pipeline's tables as they are now.

    Raises ``Blocked`` when any stage's newest receipt has not passed, ``Settled`` when a newer attempt took over,
    ``WriteDisturbed`` when a table is not as the receipt left it.
    """
    with renewed(ledger, ledger.begin(run, "release")) as attempt:
        receipts = ledger.require_passed(run.run_key, stages)
        _require_same_inputs(receipts)
        _require_same_contracts(receipts, contracts)
        lake = Lake(spark)
        tables = _proven(lake, receipts.values())
        if done := _recorded(ledger, run, tables):
            return done
        _move(lake, ledger, attempt, run, tables)
        lake.current_views(
            run.pipeline,
            {name.removesuffix("_live"): entry["day"] for name, entry in tables.items() if entry.get("day")},
        )
        faults.point("before_release_row")
        released = ledger.write_release(attempt, _snapshots(tables))
        faults.point("after_release_row")
        _log.info("%s %s: release %d, %d tables", run.pipeline, run.window, released.release_id, len(tables))
        return released


def finish_interrupted(spark: "SparkSession", ledger: Ledger, attempt: Attempt) -> None:
    """Finish what another run of the tier was releasing when it died: its rows are proven, and readers see some of them
    already.

    Raises ``Settled`` when that leaves a live run nothing to do, ``WriteDisturbed`` when the other run has been cleared
    since.
    """
    lake = Lake(spark)
    for key in ledger.interrupted(attempt.run):
        other, every = ledger.run(key), ledger.receipts(key, also_superseded=True)
        heads = lake.heads(name for receipt in every for name in receipt.snapshots)
        # Where an earlier release of the same run ended, `main` was moved by that one.
        told = {
            pair for release in ledger.releases(other.pipeline, other.tier, key) for pair in release.snapshots.items()
        }
        written = {pair for receipt in every for pair in receipt.snapshots.items()}
        if not (heads.items() & written) - told:
            continue
        try:
            receipts = ledger.require_passed(key, tuple(dict.fromkeys(receipt.stage for receipt in every)))
            _require_same_inputs(receipts)
        except Blocked as blocked:
            raise WriteDisturbed(
                f"Run {key} was cut off in the middle of its release and has been cleared since; "
                f"let it finish first. {blocked}"
            ) from blocked
        tables = _proven(lake, receipts.values())
        _move(lake, ledger, attempt, other, tables)
        ledger.write_release(attempt, _snapshots(tables), of=other)
        _log.warning("Finished the release of run %s, which was cut off half way.", key)
        ledger.require_unreleased(attempt.run)


def _move(lake: Lake, ledger: Ledger, attempt: Attempt, run: Run, tables: Tables) -> None:
    """Move every ``main``, or none: all tables are looked at before the first is touched.

    The state of a day that is run again is tagged only: ``main`` stays at the newest day.
    """
    old_day = any(other.window.end > run.window.end for other in ledger.releases(run.pipeline, run.tier))
    forward = {name: entry for name, entry in tables.items() if not (old_day and entry.get("state_tag"))}
    lake.require_releasable(forward)
    for name, entry in sorted(forward.items()):
        # Checked before each table: a writer that slept must not move what its successor has published.
        ledger.require_current(attempt)
        lake.fast_forward(name, entry["branch"], entry["snapshot"], entry["base"])
        faults.point("mid_release")
    # Last: whoever finishes what was cut off half way sees it by a `main` that has moved.
    for name, entry in sorted(tables.items()):
        if entry.get("state_tag"):
            ledger.require_current(attempt)
            lake.tag(name, entry["state_tag"], entry["snapshot"])


def _require_same_inputs(receipts: dict[str, Receipt]) -> None:
    """Each stage has read what is about to be released; raises ``Blocked`` when an earlier stage was built anew after
    it.
    """
    for receipt in receipts.values():
        for read in receipt.document["inputs"]:
            source = receipts.get(read.get("stage", ""))
            if source is not None and source.snapshots.get(read["table"]) != read["snapshot"]:
                raise Blocked(
                    f"Stage {receipt.stage} has read an older build of {source.stage} ({read['table']}); "
                    "clear it so that it is built again."
                )


def _require_same_contracts(receipts: dict[str, Receipt], contracts: Mapping[str, str]) -> None:
    """Raise ``Blocked`` when a contract has changed since its table was built: the rows were judged by other rules."""
    for receipt in receipts.values():
        for table, fingerprint in receipt.document["contracts"].items():
            if contracts.get(table) != fingerprint:
                raise Blocked(
                    f"The contract of {table} has changed since stage {receipt.stage} was built; "
                    "clear it so that it is built and checked again."
                )


def _proven(lake: Lake, receipts: Iterable[Receipt]) -> Tables:
    """The tables that the receipts prove. A table of two stages (a shared quarantine) must hold the rows of both."""
    tables: Tables = {}
    for receipt in sorted(receipts, key=lambda receipt: receipt.receipt_id):
        for name, entry in receipt.document["tables"].items():
            if name in tables and not lake.descends(name, entry["snapshot"], tables[name]["snapshot"]):
                raise WriteDisturbed(
                    f"{name} was written by two stages side by side; clear {receipt.stage} so that it is built again."
                )
            tables[name] = entry
    return tables


def _recorded(ledger: Ledger, run: Run, tables: Tables) -> Release | None:
    """The run's newest release, if it names exactly these snapshots."""
    newest = ledger.releases(run.pipeline, run.tier, run.run_key)[:1]
    return next((release for release in newest if _snapshots(tables).items() <= release.snapshots.items()), None)


def _snapshots(tables: Tables) -> dict[str, int]:
    return {name: entry["snapshot"] for name, entry in tables.items()}
