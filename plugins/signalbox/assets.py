"""The Assets: one per lake table, told by ``release``, and one per mart, told by ``serve``."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from airflow.sdk import Asset

from signalbox import runs
from signalbox.cadence import Cadence

if TYPE_CHECKING:
    from airflow.sdk import Context
    from pydantic import JsonValue


def tables(slug: str, cadence: Cadence) -> list[Asset]:
    """The lake tables of a pipeline in the cadence's tier."""
    pipeline = import_module(f"spark_jobs.{slug}")
    absent = pipeline.SETTLED_ONLY if cadence.tier == "live" else ()
    return [Asset(f"lake.{slug}.{name}{cadence.table_suffix}") for name in pipeline.TABLES if name not in absent]


def marts(slug: str, cadence: Cadence) -> list[Asset]:
    """The marts that the cadence serves; nothing is scheduled on a live one."""
    return [Asset(f"marts.{slug}.{name}{cadence.table_suffix}") for name in import_module(f"spark_jobs.{slug}").MARTS]


def announce(context: "Context", result: Any = None) -> None:
    """After release or serve: say in each Asset's event which window, snapshot and run it now holds."""
    from spark_jobs.common.ledger import Ledger

    ledger, key = Ledger.from_environment(), runs.run_key(context)
    run = ledger.run(key)
    released = ledger.releases(run.pipeline, run.tier, key)
    if not released:
        raise RuntimeError(f"The ledger holds no release of {key}, although the task that makes it succeeded.")
    release = released[0]
    for asset in context["task"].outlets:
        extra: dict[str, JsonValue] = {
            "run": key,
            "release": release.release_id,
            "window_start": release.window.start.isoformat(),
            "window_end": release.window.end.isoformat(),
        }
        if asset.name in release.snapshots:
            extra["snapshot"] = release.snapshots[asset.name]
        context["outlet_events"][asset].extra = extra
