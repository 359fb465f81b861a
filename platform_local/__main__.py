"""``python -m platform_local``: what the Makefile's targets call."""

from __future__ import annotations

import argparse
import os
import shlex
import signal
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import NoReturn

from platform_local.environment import ROOT, Settings
from platform_local.problem import Problem, from_os_error


def main() -> int:
    arguments = _parse()
    signal.signal(signal.SIGTERM, _interrupt)
    signal.signal(signal.SIGINT, _interrupt)
    if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:  # as nohup has it
        signal.signal(signal.SIGHUP, _hang_up)
    try:
        return int(arguments.run(arguments) or 0)
    except Problem as problem:
        print(f"signalbox: {problem}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("signalbox: interrupted; everything that was started is stopped.", file=sys.stderr)
        return 130


def up(arguments: argparse.Namespace) -> None:
    from platform_local.supervisor import Platform

    platform = Platform(Settings())
    platform.up(world=arguments.world == "on")
    print(platform.describe())


def down(_: argparse.Namespace) -> None:
    from platform_local.supervisor import Platform

    print(f"The platform is down ({Platform(Settings()).down()} processes ended).")


def status(_: argparse.Namespace) -> int:
    from platform_local.supervisor import Platform

    platform = Platform(Settings())
    states = platform.states()
    for name, state in states.items():
        print(f"  {name:<14} {state.lower()}")
    print(platform.describe() if states else "The platform is down (`make up` starts it).")
    return 0 if states else 3


def env(_: argparse.Namespace) -> None:
    """Print export lines for a shell: eval "$(python -m platform_local env)"."""
    for key, value in sorted(Settings().exports().items()):
        print(f"export {key}={shlex.quote(value)}")


def pools(_: argparse.Namespace) -> None:
    from platform_local.airflow_api import AirflowApi

    AirflowApi(Settings()).ensure_pools()


def init(_: argparse.Namespace) -> None:
    from platform_local.initialise import initialise

    initialise(os.environ)


def fetch_jars(arguments: argparse.Namespace) -> None:
    from platform_local import jars

    if arguments.into:
        fetched = jars.fetch_into(Path(arguments.into))
    else:
        settings = Settings()
        fetched = jars.ensure(settings.home, settings.environment())
    for jar in fetched:
        print(jar)


def serve(arguments: argparse.Namespace) -> NoReturn:
    from platform_local import components

    components.serve(arguments.component)


def history(arguments: argparse.Namespace) -> None:
    from platform_local.world import World

    world = World.of(Settings().environment())
    try:
        world.add_history(arguments.days, datetime.now(UTC))
    except OSError as error:
        raise from_os_error(error, f"landing files in {world.landing}") from error
    print(f"{arguments.days} days of history are in {world.landing}; to settle them, see Backfill in README.md.")


def plant(arguments: argparse.Namespace) -> None:
    from platform_local import breaking

    print(breaking.plant(Settings(), arguments.rule) if arguments.rule else breaking.listing())


def mend(arguments: argparse.Namespace) -> None:
    from platform_local import breaking

    print(breaking.mend(Settings(), arguments.rule))


def refused(arguments: argparse.Namespace) -> int:
    """In a process of its own: jobs take their settings from the environment."""
    command = [sys.executable, "-m", "spark_jobs", "refused", arguments.slug]
    return subprocess.run(command, cwd=ROOT, env=Settings().environment(), check=False).returncode


def demo(arguments: argparse.Namespace) -> int:
    from platform_local.demo import Demo, demo_settings

    return Demo(demo_settings(dict(os.environ)), scale=arguments.scale).run()


def clean(_: argparse.Namespace) -> None:
    from platform_local.demo import demo_settings
    from platform_local.supervisor import Platform

    for settings in (demo_settings(dict(os.environ)), Settings()):
        Platform(settings).down()
        settings.cluster().remove()
        left = settings.remove_folders()
        settings.env_file.unlink(missing_ok=True)
    if left:
        print(f"Left in {settings.home}, as it is another platform's or not ours: {', '.join(left)}.")


def _interrupt(*_: object) -> NoReturn:
    # Once is enough: a second Ctrl-C must not interrupt the tidying up.
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    raise KeyboardInterrupt


def _hang_up(*_: object) -> NoReturn:
    """The terminal is gone: nobody reads what would be said, and that must not keep us from tidying up."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for stream in (1, 2):
        os.dup2(nowhere, stream)
    _interrupt()


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m platform_local", description="The Signalbox platform on one machine."
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for name, function, words in (
        ("down", down, "end every process of it"),
        ("status", status, "say which components run"),
        ("env", env, "print export lines for a shell (contains secrets)"),
        ("pools", pools, "make or update Airflow's pools"),
        ("init", init, "prepare the PostgreSQL of docker-compose.yaml"),
        ("clean", clean, "end it and delete all its data and secrets"),
    ):
        commands.add_parser(name, help=words).set_defaults(run=function)
    start = commands.add_parser("up", help="start the platform and wait until it is healthy")
    start.add_argument("--world", choices=("on", "off"), default="on", help="landing files of a simulated metro")
    start.set_defaults(run=up)
    past = commands.add_parser("history", help="land the simulated days before today's")
    past.add_argument("--days", type=int, default=7)
    past.set_defaults(run=history)
    spoil = commands.add_parser("break", help="plant data that breaks a rule; without a rule, list them")
    spoil.add_argument("rule", nargs="?", default="")
    spoil.set_defaults(run=plant)
    repair = commands.add_parser("mend", help="take planted data away; without a rule, all of it")
    repair.add_argument("rule", nargs="?", default="")
    repair.set_defaults(run=mend)
    show = commands.add_parser("refused", help="show the rows that the last blocked stage refused")
    show.add_argument("slug", nargs="?", default="metro")
    show.set_defaults(run=refused)
    java = commands.add_parser("jars", help="fetch the Spark jars unless they are there")
    java.add_argument("--into", help="a folder other than SIGNALBOX_HOME/jars")
    java.set_defaults(run=fetch_jars)
    one = commands.add_parser("serve", help="become one component (for supervisor)")
    one.add_argument("component")
    one.set_defaults(run=serve)
    day = commands.add_parser("demo", help="play one metro day through the platform")
    day.add_argument(
        "--scale",
        type=float,
        default=float(os.environ.get("SIGNALBOX_DEMO_SCALE", "0.05")),
        help="share of the full day",
    )
    day.set_defaults(run=demo)
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
