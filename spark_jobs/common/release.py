"""The release: after the last checkpoint, moves ``main`` of every table of the run to the audited snapshot, then records one release."""

import logging
from typing import TYPE_CHECKING

from spark_jobs.common import faults
from spark_jobs.common.lake import Lake
from spark_jobs.common.ledger import Ledger, Release, Run
from spark_jobs.common.ledger.renewal import renewed

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

_log = logging.getLogger(__name__)


def release(spark: "SparkSession", ledger: Ledger, run: Run, stages: tuple[str, ...]) -> Release:
    """Publish what the run's checkpoints passed; a repeat after a kill at any point ends in the same one release.

    Raises ``Blocked`` when any stage's newest receipt has not passed, ``Settled`` when a newer attempt took over, ``WriteDisturbed`` when a
    table is not as the receipt left it.
    """
    with renewed(ledger, ledger.begin(run, "release")) as attempt:
        receipts = ledger.require_passed(run.run_key, stages)
        tables = {name: entry for receipt in receipts.values() for name, entry in receipt.document["tables"].items()}
        lake = Lake(spark)
        for name, entry in sorted(tables.items()):
            # Checked before each table: a writer that slept must not move what its successor has published.
            ledger.require_current(attempt)
            lake.fast_forward(name, entry["branch"], entry["snapshot"], entry["base"])
            faults.point("mid_release")
        faults.point("before_release_row")
        known = ledger.releases(run.pipeline, run.tier)
        carried = known[0].snapshots if known else {}
        # Tables that only some runs touch (quarantine) keep the snapshot of the release before.
        released = ledger.write_release(attempt, {**carried, **{name: entry["snapshot"] for name, entry in tables.items()}})
        faults.point("after_release_row")
        _log.info("%s %s: release %d, %s", run.pipeline, run.window, released.release_id, f"{len(tables)} tables")
        return released
