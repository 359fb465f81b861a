"""`make break` and `make mend`: how a newcomer sees a run that is blocked, what it says, and how it goes on."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

from expectations.contract import CRITICAL
from expectations.metro import LAKE
from platform_local.environment import Settings
from platform_local.problem import Problem, from_os_error
from simulators.metro import breaks
from simulators.metro.breaks import BREAKS
from spark_jobs.common.s3 import on_s3

# A live run reads back an hour and a half, and two hours more after an outage.
PLANTED_BACK = timedelta(hours=4)


def listing() -> str:
    """Every rule that can be broken, with its severity and sentence; why the others cannot, and which warn."""
    lines = ["Rules that `make break RULE=…` breaks, and the stage that each blocks:"]
    lines += [f"  {name:<48} {b.rule.severity}  {b.stage:<9}  {b.rule.sentence}" for name, b in BREAKS.items()]
    for why, names in breaks.unbreakable().items():
        stated = [name for name in names if ":" not in name or ".unique:" in name]
        implied = f", and {len(names) - len(stated)} that columns imply" if len(names) > len(stated) else ""
        lines += ["", f"Critical, not to be broken from the landing zone ({why}):", f"  {', '.join(stated)}{implied}"]
    warnings = [(f"{table.name}.{r.name}", r) for table in LAKE for r in table.suite_rules() if r.severity != CRITICAL]
    lines += ["", "No block comes of these:"]
    return "\n".join(lines + [f"  {name:<48} {rule.severity:<8}  {rule.sentence}" for name, rule in warnings])


def plant(settings: Settings, name: str) -> str:
    """Break a rule for the live runs to come; what to look at next."""
    rule, landing, now = _known(name), _landing(settings), datetime.now(UTC)
    try:
        paths = breaks.plant(landing, name, now - PLANTED_BACK, now)
    except OSError as error:
        breaks.mend(landing, name)
        raise from_os_error(error, f"planting files in {landing}") from error
    if not paths:
        raise Problem(f"{landing} has no landing files of the last four hours to break: let `make up` run a while.")
    told = "your Slack" if settings.has_slack else str(settings.logs / "slack.log")
    return (
        f"{len(paths)} files planted in {landing}, against: {rule.rule.sentence}\n"
        f"  The next run of metro_live (every five minutes) stops, red, at {rule.stage}.checkpoint; readers keep what they had.\n"
        f"  The message   {told}\n"
        f"  Its log       {settings.api_url}/dags/metro_live\n"
        f"  The rows      make refused (once it is red)\n"
        f"  To mend it    make mend RULE={name}, then Clear the red checkpoint: its stage is built again."
    )


def mend(settings: Settings, name: str) -> str:
    """Take away what was planted against a rule, or against any; what to do next."""
    paths = breaks.mend(_landing(settings), name and _known(name).name)
    return f"{len(paths)} planted files are gone. Clear the red checkpoint in {settings.api_url}: its stage is built again."


def _known(name: str) -> breaks.Break:
    if name not in BREAKS:
        raise Problem(f"No rule {name} can be broken from the landing zone: `make break` lists those that can.")
    return BREAKS[name]


def _landing(settings: Settings) -> Path:
    if on_s3(landing := settings.environment()["SIGNALBOX_LANDING"]):
        raise Problem(f"`make break` and `make mend` work on a folder, not on {landing}: unset SIGNALBOX_LANDING.")
    return Path(landing)
