"""Which window a run answers for, and whether it is released already."""

from datetime import timedelta

from sqlalchemy import Connection, select

from spark_jobs.common.ledger import schema as s
from spark_jobs.common.ledger.records import Run
from spark_jobs.common.outcome import Settled
from spark_jobs.common.window import Window

LONGEST_LIVE_WINDOW = timedelta(hours=2)


def plan_run(
    connection: Connection, pipeline: str, cadence: str, run_key: str, interval: Window | None, explicit: Window | None
) -> Run:
    """A new run. A live one without explicit times takes over where the newest released live window ended."""
    tier = "live" if cadence == "live" else "settled"
    window = explicit or interval
    if window is None:
        raise ValueError("The run has no data interval: give both window_start and window_end.")
    if explicit is None and tier == "live":
        newest = newest_window(connection, pipeline, tier)
        start = newest.end if newest else window.start
        if start >= window.end:
            raise Settled(
                f"The live window up to {window.end:%Y-%m-%d %H:%M}Z is released already; "
                f"the newest released one is {newest}."
            )
        window = Window(start, min(window.end, start + LONGEST_LIVE_WINDOW))
    return Run(run_key, pipeline, cadence, tier, window.start, window.end, explicit is not None)


def refuse_released(connection: Connection, run: Run) -> None:
    """Raise ``Settled`` when any of a live run's window is released, unless its explicit times name exactly the newest
    one.
    """
    if run.tier != "live":
        return
    newest = newest_window(connection, run.pipeline, run.tier)
    if newest is None or run.window.start >= newest.end or (run.explicit and run.window == newest):
        return
    raise Settled(
        f"The live window {run.window} lies before the end of the newest released one, {newest}; nothing to do. "
        "A closed day is rebuilt by the nightly DAG, an older live window only in a private lake."
    )


def newest_window(connection: Connection, pipeline: str, tier: str) -> Window | None:
    """The released window that ends last."""
    row = connection.execute(
        select(s.release.c.window_start, s.release.c.window_end)
        .where(s.release.c.pipeline == pipeline, s.release.c.tier == tier)
        .order_by(s.release.c.window_end.desc(), s.release.c.release_id.desc())
        .limit(1)
    ).one_or_none()
    return Window(*row) if row else None
