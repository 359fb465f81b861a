"""The house rules: every keyword that all DAGs share. ``default_args`` exist here and nowhere else."""

from enum import StrEnum
from typing import Any

from airflow.sdk import Param

from signalbox import alerts
from signalbox.cadence import BusinessDay, Cadence


class Owner(StrEnum):
    """Who answers for a pipeline."""

    NETWORK_OPERATIONS = "network-operations"
    SUPPLY_CHAIN = "supply-chain"
    DATA_PLATFORM = "data-platform"


def house_rules(
    slug: str, cadence: Cadence, *, owner: Owner, day: BusinessDay, doc: str, refuses_marts: bool = False
) -> dict[str, Any]:
    """Everything that ``@dag`` is told, for one pipeline at one cadence; ``doc`` is the DAG file's docstring.

    ``refuses_marts``: it has marts that are swapped, so the trigger's form takes a reason to publish what is refused.
    """
    return {
        "dag_id": f"{slug}_{cadence.name}",
        "description": doc.strip().splitlines()[0],
        "doc_md": doc,
        "tags": {slug, cadence.name, f"owner:{owner.value}"},
        "schedule": cadence.timetable(day),
        "catchup": False,
        # A courtesy to readers of the grid: what keeps two writers apart is the lease in the ledger.
        "max_active_runs": 1,
        "dagrun_timeout": cadence.run_limit,
        "params": {
            "window_start": _instant_param("start"),
            "window_end": _instant_param("end"),
            **({"force_publish": _reason_param()} if refuses_marts else {}),
        },
        "on_failure_callback": alerts.run_timed_out,
        "default_args": {
            "owner": owner.value,
            "pool": cadence.pool,
            "priority_weight": cadence.priority,
            "weight_rule": "absolute",
            "retries": cadence.retries,
            "retry_delay": cadence.retry_delay,
            "execution_timeout": cadence.task_limit,
            "on_failure_callback": alerts.task_failed,
        },
    }


def _instant_param(edge: str) -> Param:
    return Param(
        None,
        type=["null", "string"],
        format="date-time",
        title=f"Window {edge}",
        description=f"Optional: the {edge} of the window to build, with offset. Give both ends or neither.",
    )


def _reason_param() -> Param:
    return Param(
        "",
        type="string",
        maxLength=500,
        title="Force publish",
        description="Optional: why marts are to be published that differ too much from the version before.",
    )
