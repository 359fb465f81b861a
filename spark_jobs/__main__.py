"""``python -m spark_jobs``: run a pipeline, one of its steps, its simulator, an importer or its report.

Exit status: 0 done, 3 blocked by a checkpoint (the rule is printed), 4 nothing to do, 2 wrong arguments, 1 any other error.
"""

import argparse
import importlib
import importlib.util
import logging
import pkgutil
import sys
from typing import TypeAlias

import simulators
from platform_local.problem import Problem
from spark_jobs.common import job, local_run, pipelines, refused, rollback
from spark_jobs.common.outcome import Blocked, Settled, TryAgain, disk_full_in_words
from spark_jobs.common.report import command as report_command

Commands: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"


def main(argv: list[str]) -> int:
    """Parse, run, and turn the outcome into an exit status and one sentence."""
    args = _parser(argv).parse_args(argv)
    logging.basicConfig(
        level=logging.INFO if args.verbose else logging.WARNING,
        format="%(asctime)s %(levelname)s %(name)s: %(message)s",
    )
    try:
        with disk_full_in_words():
            args.handler(args)
    except (Blocked, Settled) as outcome:
        print(outcome, file=sys.stderr)
        return outcome.exit_code
    except (ValueError, FileNotFoundError, ConnectionError, Problem, TryAgain) as error:
        if args.verbose:
            raise
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


def _parser(argv: list[str]) -> argparse.ArgumentParser:
    """Simulators and importers load only when they are called: a job's start should cost nothing."""
    parser = argparse.ArgumentParser(
        prog="python -m spark_jobs", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("-v", "--verbose", action="store_true", help="log each step, show tracebacks")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    local_run.add_command(commands)
    _add_simulators(commands, "simulate" in argv)
    _add_importers(commands, "import" in argv)
    job.add_commands(commands)
    job.add_override(commands)
    rollback.add_command(commands)
    refused.add_command(commands)
    report_command.add_command(commands)
    return parser


def _add_simulators(commands: "Commands", wanted: bool) -> None:
    meaning = "simulate a pipeline's world: landing files and the truth behind them"
    by_slug = commands.add_parser("simulate", help=meaning, description=meaning).add_subparsers(
        required=True, metavar="SLUG"
    )
    for found in pkgutil.iter_modules(simulators.__path__) if wanted else ():
        module = importlib.import_module(f"simulators.{found.name}")
        parser = by_slug.add_parser(found.name, help=(module.__doc__ or "").partition("\n")[0])
        module.add_arguments(parser)
        parser.set_defaults(handler=module.simulate)


def _add_importers(commands: "Commands", wanted: bool) -> None:
    meaning = "bring a public format into landing form"
    by_slug = commands.add_parser("import", help=meaning, description=meaning).add_subparsers(
        required=True, metavar="SLUG"
    )
    for slug in pipelines.slugs() if wanted else ():
        if importlib.util.find_spec(f"spark_jobs.{slug}.importers"):
            importlib.import_module(f"spark_jobs.{slug}.importers").add_arguments(by_slug.add_parser(slug))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
