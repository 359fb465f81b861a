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
    MEDIA = "media"
    DATA_PLATFORM = "data-platform"


def house_rules(
    slug: str,
    cadence: Cadence,
    *,
    owner: Owner,
    day: BusinessDay,
    doc: str,
    carries_state: bool = False,
    refuses_marts: bool = False,
) -> dict[str, Any]:
    """Everything that ``@dag`` is told, for one pipeline at one cadence; ``doc`` is the DAG file's docstring.

    ``carries_state``: each day goes on from the day before, so the trigger's form takes the day with which that begins.
    ``refuses_marts``: it has marts that are swapped, so the form takes a reason to publish what is refused.
    """
    params = {"window_start": _instant_param("start"), "window_end": _instant_param("end")}
    params |= {"state_from": _first_day_param()} if carries_state else {}
    params |= {"force_publish": _reason_param()} if refuses_marts else {}
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
        "params": params,
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


def _first_day_param() -> Param:
    return Param(
        None,
        type=["null", "string"],
        format="date",
        title="State from",
        description="Optional: the UTC day with which the state begins, empty. Every other day goes on from the day before.",
    )


def _instant_param(edge: str) -> Param:
    return Param(
        None,
        type=["null", "string"],
        format="date-time",
        title=f"Window {edge}",
        description=f"Optional: the {edge} of the window to build, in the UI's time zone (over REST: with offset). "
        "Give both ends or neither.",
    )


def _reason_param() -> Param:
    return Param(
        "",
        type="string",
        maxLength=500,
        title="Force publish",
        description="Optional: why marts are to be published that differ too much from the version before.",
    )
