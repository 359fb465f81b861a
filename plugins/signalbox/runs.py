"""What a DAG run is called in the ledger and which window it asks for; typed and checked before anything uses it."""

from datetime import UTC, date, datetime
from typing import TYPE_CHECKING

from airflow.sdk.exceptions import AirflowFailException

from spark_jobs.common.window import Window

if TYPE_CHECKING:
    from airflow.sdk import Context


def run_key(context: "Context") -> str:
    """The run's name in the ledger: the same for every task, retry and clear of one DAG run."""
    run = context["dag_run"]
    return f"{run.dag_id}/{run.run_id}"


def explicit_window(context: "Context") -> Window | None:
    """The window that somebody asked for in the trigger form, or None; half a window, a bad time or one to come is an error."""
    start, end = (context["params"].get(name) for name in ("window_start", "window_end"))
    if start is None and end is None:
        return None
    if start is None or end is None:
        raise AirflowFailException("Give window_start and window_end together, or neither of them.")
    try:
        window = Window.parse(str(start), str(end))
    except ValueError as error:
        raise AirflowFailException(f"window_start and window_end do not make a window: {error}") from error
    if window.end > datetime.now(UTC):
        # Once released, it would leave nothing to do for the runs of all the time until then.
        raise AirflowFailException(f"window_end, {end}, is still to come: give a window that is over.")
    return window


def interval(context: "Context") -> Window:
    """The run's data interval; a run that was triggered without one takes its explicit window instead."""
    run = context["dag_run"]
    if run.data_interval_start is not None and run.data_interval_end is not None:
        return Window(run.data_interval_start, run.data_interval_end)
    asked = explicit_window(context)
    if asked is None:
        raise AirflowFailException(
            "This run has no data interval, because it was triggered without a logical date. "
            "Trigger it with window_start and window_end, or with a logical date."
        )
    return asked


def state_from(context: "Context") -> date | None:
    """The day with which somebody lets the state begin, or None; what is no date is an error."""
    day = context["params"].get("state_from")
    try:
        return date.fromisoformat(str(day)) if day else None
    except ValueError as error:
        raise AirflowFailException(f"state_from is a day such as 2024-03-12, not {day!r}.") from error


def job_arguments(context: "Context", cadence: str) -> list[str]:
    """The run as arguments of the job entrance, which never sees what else the trigger's conf holds."""
    own, asked = interval(context), explicit_window(context)
    arguments = ["--cadence", cadence, "--run-key", run_key(context)]
    arguments += ["--interval-start", own.start.isoformat(), "--interval-end", own.end.isoformat()]
    if asked:
        arguments += ["--window-start", asked.start.isoformat(), "--window-end", asked.end.isoformat()]
    if first := state_from(context):
        arguments += ["--param", f"state_from={first.isoformat()}"]
    return arguments


def serve_arguments(context: "Context") -> list[str]:
    """The reason, if the trigger's form gives one, to publish marts that would be refused; one word, whatever it says."""
    reason = str(context["params"].get("force_publish") or "").strip()
    return [f"--force-publish={reason}"] if reason else []
