"""The job's commands: one step of a run (``build``, ``release``, ``serve``), the same under every engine.

Raises ``Blocked`` or ``Settled`` (see ``outcome``); any other exception is an infrastructure error that may be retried.
"""

import argparse
import logging
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from spark_jobs.common import pipelines
from spark_jobs.common.build import build
from spark_jobs.common.landing import Landing
from spark_jobs.common.ledger import Ledger, Run
from spark_jobs.common.outcome import Blocked, Settled, disk_full_in_words
from spark_jobs.common.release import release
from spark_jobs.common.serve import serve
from spark_jobs.common.session import spark_session
from spark_jobs.common.window import Window

_log = logging.getLogger(__name__)
# A live landing file without a manifest is whole when it has not changed for this long.
_QUIET_S = 10.0


def add_commands(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """The sub-commands of one step."""
    for name, handler, meaning in (
        ("build", _build, "build and audit one stage of a run, and write its receipt"),
        ("release", _release, "release what the run's checkpoints passed"),
        ("serve", _serve, "load the release's marts into the serving database"),
    ):
        parser = commands.add_parser(name, help=meaning, description=meaning)
        parser.add_argument("slug", help="the pipeline, e.g. metro")
        if name == "build":
            parser.add_argument("stage", help="the stage, e.g. movements")
        if name == "serve":
            parser.add_argument(
                "--force-publish", metavar="REASON", default="", help="publish marts that are refused, on record"
            )
        add_run_arguments(parser)
        parser.set_defaults(handler=handler)


def add_override(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """The sub-command with which an admin lets a blocked receipt through, on record."""
    meaning = "let one blocked receipt through, on record"
    parser = commands.add_parser("override", help=meaning, description=meaning)
    parser.add_argument("slug", help="the pipeline, e.g. metro")
    parser.add_argument("--run-key", required=True, help="the run, as the ledger and the task's log name it")
    parser.add_argument("--stage", required=True)
    parser.add_argument("--admin", required=True, help="who answers for it")
    parser.add_argument("--reason", required=True)
    parser.set_defaults(
        handler=lambda args: Ledger.from_environment().override(args.run_key, args.stage, args.admin, args.reason)
    )


def add_run_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--cadence", choices=("live", "nightly"), required=True)
    parser.add_argument("--run-key", required=True, help="names the run in the ledger")
    parser.add_argument("--interval-start", help="start of the data interval, ISO time with offset")
    parser.add_argument("--interval-end", help="end of the data interval, ISO time with offset")
    parser.add_argument("--window-start", help="explicit start of the window")
    parser.add_argument("--window-end", help="explicit end of the window")
    parser.add_argument(
        "--param", action="append", default=[], metavar="NAME=VALUE", help="override a parameter of the pipeline"
    )


def run_command(argv: list[str]) -> None:
    """Run one step from its argument list, in this process."""
    parser = argparse.ArgumentParser(prog="python -m spark_jobs")
    add_commands(parser.add_subparsers(required=True))
    args = parser.parse_args(argv)
    with disk_full_in_words():
        args.handler(args)


@contextmanager
def told_to_the_ledger() -> Iterator[None]:
    """Leave the sentence of a job on a cluster where its task finds it: neither exit status nor log come back from there."""
    try:
        yield
    except (Blocked, Settled) as outcome:
        if name := os.environ.get("SIGNALBOX_JOB"):
            Ledger.from_environment().write_ending(name, outcome)
        raise


def open_run(ledger: Ledger, args: argparse.Namespace) -> Run:
    """The run that the arguments name; its window is fixed by the first step that asks."""
    interval = (
        Window.parse(args.interval_start, args.interval_end) if args.interval_start and args.interval_end else None
    )
    if bool(args.window_start) != bool(args.window_end):
        raise ValueError("Give both window_start and window_end, or neither.")
    explicit = Window.parse(args.window_start, args.window_end) if args.window_start else None
    return ledger.open_run(args.slug, args.cadence, args.run_key, interval, explicit)


def staging() -> Path:
    """Where CSV files lie as Parquet, and files of S3 as they are, while a job reads them. Spark's executors read it too."""
    home = os.environ.get("SIGNALBOX_HOME")
    return Path(home) / "staging" if home else Path(tempfile.gettempdir()) / "signalbox-staging"


def _build(args: argparse.Namespace) -> None:
    stage = pipelines.stage(args.slug, args.stage)
    params = pipelines.params(args.slug, args.cadence, args.param)
    quiet_s = _QUIET_S if args.cadence == "live" else 0.0
    landing = Landing(os.environ.get("SIGNALBOX_LANDING", "landing"), staging(), quiet_s)
    ledger = Ledger.from_environment()
    run = open_run(ledger, args)
    with spark_session(f"{args.slug}.{args.stage}", args.cadence) as spark:
        receipt = build(spark, ledger, landing, stage, run, params)
    _log.info("Receipt %d: %s", receipt.receipt_id, receipt.document["balance"])


def _release(args: argparse.Namespace) -> None:
    ledger = Ledger.from_environment()
    with spark_session(f"{args.slug}.release", args.cadence) as spark:
        names, contracts = pipelines.pipeline(args.slug).STAGES, pipelines.contracts(args.slug)
        release(spark, ledger, ledger.run(args.run_key), names, contracts)


def _serve(args: argparse.Namespace) -> None:
    ledger = Ledger.from_environment()
    with spark_session(f"{args.slug}.serve", args.cadence) as spark:
        serve(spark, ledger, ledger.run(args.run_key), pipelines.marts(args.slug), args.force_publish.strip())
