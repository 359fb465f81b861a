"""The building blocks that a DAG file is written in.

Clear on a red checkpoint has to rebuild, so each stage is a setup/teardown pair: Airflow clears a setup together with
the work that needs it. What follows a stage hangs on its checkpoint; teardowns do not count for the colour of the run.
"""

import logging
import os
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow.providers.standard.operators.empty import EmptyOperator
from airflow.providers.standard.triggers.temporal import DateTimeTrigger
from airflow.sdk import BaseOperator, BaseSensorOperator, DagRunState, PokeReturnValue, TaskGroup
from airflow.sdk.exceptions import AirflowFailException

from signalbox import assets, runs
from signalbox.cadence import Cadence
from signalbox.engines import ConnectJob, ServeJob, engine, job_outcomes
from spark_jobs.common import pipelines
from spark_jobs.common.outcome import Blocked

if TYPE_CHECKING:
    from airflow.sdk import Context

    from spark_jobs.common.ledger import Ledger, Run


@dataclass(frozen=True)
class Pipeline:
    """One pipeline at one cadence: hands out the tasks of its DAG."""

    slug: str
    cadence: Cadence

    def window(self) -> BaseOperator:
        """First of all: fix the run's window in the ledger, after waiting for late files where the cadence does, and wait for
        the run's turn.
        """
        opened = OpenRun(
            task_id="window",
            pipeline=self.slug,
            cadence_name=self.cadence.name,
            waits_for_turn=not pipelines.carries_state(self.slug),
            timeout=self.cadence.run_limit.total_seconds(),
        )
        if self.cadence.late_files_wait:
            WaitForLateFiles(task_id="late_files", wait=self.cadence.late_files_wait) >> opened
        return opened

    def state(self) -> BaseOperator:
        """Wait until the state is there that this run goes on from."""
        return WaitForState(task_id="state", pipeline=self.slug, timeout=self.cadence.run_limit.total_seconds())

    def stage(self, name: str) -> TaskGroup:
        """Build a stage and prove it; there is no way to have the one without the other."""
        with TaskGroup(name) as group:
            job = engine(self.cadence)
            build = job(task_id="build", command=("build", self.slug, name), cadence=self.cadence)
            end = EmptyOperator(task_id="end")
            # `setups=` makes the build a setup: clearing the checkpoint then clears the build with it.
            build >> Checkpoint(task_id="checkpoint", stage=name) >> end.as_teardown(setups=build)
        return group

    def release(self) -> BaseOperator:
        """Show what the run has proven, all tables at once."""
        return self._on_connect(ConnectJob, "release", assets.tables(self.slug, self.cadence))

    def serve(self) -> BaseOperator:
        """Bring the release's marts to PostgreSQL."""
        return self._on_connect(ServeJob, "serve", assets.marts(self.slug, self.cadence))

    def report(self) -> BaseOperator:
        """Write the report of what was served; should it fail, the release and its marts stand all the same."""
        return WriteReport(task_id="report", pipeline=self.slug)

    def close(self) -> BaseOperator:
        """Last of all, whatever came of the run: give its lease back. A teardown, so it turns no red run green."""
        close = CloseRun(task_id="close")
        close.as_teardown()
        return close

    def _on_connect(self, job: type[ConnectJob], step: str, outlets: list[Any]) -> BaseOperator:
        # These move references and rows: not worth a JVM of their own, whichever engine builds.
        return job(
            task_id=step, command=(step, self.slug), cadence=self.cadence, outlets=outlets, post_execute=assets.announce
        )


class OpenRun(BaseSensorOperator):
    """Finds the run's window, or fixes it for good on the first try; skips a run that has nothing to do.

    Then it waits, without a worker, while another run writes the same tier: a backfill's runs are counted apart from the
    scheduled ones, and retries are for what breaks. A pipeline that carries a state waits in its task `state`.
    """

    def __init__(self, *, pipeline: str, cadence_name: str, waits_for_turn: bool = True, **kwargs: Any) -> None:
        super().__init__(mode="reschedule", poke_interval=15, **kwargs)
        self.pipeline = pipeline
        self.cadence_name = cadence_name
        self.waits_for_turn = waits_for_turn

    def poke(self, context: "Context") -> PokeReturnValue:
        from spark_jobs.common.ledger import Ledger

        ledger = Ledger.from_environment()
        interval, explicit = runs.interval(context), runs.explicit_window(context)
        with job_outcomes():
            run = ledger.open_run(self.pipeline, self.cadence_name, runs.run_key(context), interval, explicit)
        self.log.info("This run answers for %s.", run.window)
        is_done = not self.waits_for_turn or _has_turn(ledger, run, self.log)
        return PokeReturnValue(is_done=is_done, xcom_value=str(run.window))


class WaitForLateFiles(BaseOperator):
    """Defers until late files are in; holds no lease and no worker, and lets a day long past through at once."""

    def __init__(self, *, wait: "timedelta", **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.wait = wait

    def execute(self, context: "Context") -> None:
        until = runs.interval(context).end + self.wait
        if runs.explicit_window(context) or context["dag_run"].run_type == "backfill":
            self.log.info("No wait: this window was asked for.")
            return
        if until <= datetime.now(UTC):
            self.log.info("No wait: it is past %s.", until.isoformat())
            return
        self.defer(trigger=DateTimeTrigger(moment=until), method_name="waited")

    def waited(self, context: "Context", event: Any = None) -> None:
        self.log.info("Late files had until %s.", event)


class WaitForState(BaseSensorOperator):
    """Waits, without a worker, until the day before is released and rests on the newest runs of its own days before.

    A missing day is run by a backfill, whose runs are counted apart: a run that waits here does not keep it from starting. A
    backfill may start several days at once: each waits until the day before has ended, also where that has a release to run anew.
    Where no state has ever begun there is nothing to wait for: the run fails, and leaves its place to one that begins.
    """

    def __init__(self, *, pipeline: str, **kwargs: Any) -> None:
        super().__init__(mode="reschedule", poke_interval=60, **kwargs)
        self.pipeline = pipeline

    def poke(self, context: "Context") -> bool:
        from spark_jobs.common.ledger import Ledger

        ledger = Ledger.from_environment()
        run = ledger.run(runs.run_key(context))
        if runs.state_from(context) == run.window.start.date():
            self.log.info("The state begins with this run.")
            return _has_turn(ledger, run, self.log)
        if _day_before_runs(context):
            self.log.info("Waiting: the day before is being run.")
            return False
        state = import_module(f"spark_jobs.{self.pipeline}").STATE
        try:
            ledger.state_at(run.pipeline, run.tier, f"lake.{self.pipeline}.{state}", run.window.start)
        except Blocked as missing:
            if not ledger.releases(run.pipeline, run.tier):
                raise AirflowFailException(str(missing)) from missing
            self.log.info("Waiting: %s", missing)
            return False
        return _has_turn(ledger, run, self.log)


def _has_turn(ledger: "Ledger", run: "Run", log: Any) -> bool:
    """Whether the run's lease is its own from now on; it says whose it is else."""
    from spark_jobs.common.ledger import LeaseHeld

    try:
        ledger.take_turn(run)
    except LeaseHeld as held:
        log.info("Waiting: %s", held)
        return False
    return True


def _day_before_runs(context: "Context") -> bool:
    run = context["dag_run"]
    if run.logical_date is None:
        return False
    before = [run.logical_date - timedelta(days=1)]
    return context["ti"].get_dr_count(run.dag_id, logical_dates=before, states=[DagRunState.RUNNING]) > 0


class Checkpoint(BaseOperator):
    """Asks the ledger for the verdict on the stage's newest receipt; runs no data job."""

    def __init__(self, *, stage: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.stage = stage

    def execute(self, context: "Context") -> str:
        from spark_jobs.common.ledger import Ledger

        verdict = Ledger.from_environment().checkpoint(runs.run_key(context), self.stage)
        if not verdict.passed:
            raise AirflowFailException(verdict.sentence)
        self.log.log(logging.WARNING if verdict.status == "warn" else logging.INFO, "%s", verdict.sentence)
        return verdict.status


class WriteReport(BaseOperator):
    """Writes the pipeline's page and upload file from the served marts into ``SIGNALBOX_REPORTS``; no Spark in it."""

    def __init__(self, *, pipeline: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.pipeline = pipeline

    def execute(self, context: "Context") -> None:
        from spark_jobs.common.report import command

        folder = os.environ.get("SIGNALBOX_REPORTS")
        if not folder:
            raise AirflowFailException(
                "SIGNALBOX_REPORTS is not set; it names the folder for reports (see docs/operate.md)."
            )
        for path in command.write(self.pipeline, Path(folder)):
            self.log.info("Written: %s", path)


class CloseRun(BaseOperator):
    """Gives the run's lease back. Should it fail, the lease lapses by itself."""

    def execute(self, context: "Context") -> None:
        from spark_jobs.common.ledger import Ledger

        Ledger.from_environment().close_run(runs.run_key(context))
