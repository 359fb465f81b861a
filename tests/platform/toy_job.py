"""One step of the toy pipeline in a process of its own, which a test may kill, stop or starve (see ``faults``).

python -m tests.platform.toy_job HOME SLUG clean|totals|release|serve|swap|republished RUN
"""

import sys
from pathlib import Path
from typing import Any

from spark_jobs.common.ledger import Ledger
from spark_jobs.common.outcome import Blocked, Settled, TryAgain, disk_full_in_words
from spark_jobs.common.session import spark_session
from spark_jobs.common.stage import FromRun, Released, Stage, Write
from spark_jobs.common.window import Window
from tests.platform.toy import ToyParams, World, contracts, swapped, total_events


def main(home: str, slug: str, step: str, run: str) -> int:
    """The step's exit status, as of ``python -m spark_jobs``."""
    try:
        with disk_full_in_words(), spark_session(slug, "live") as spark:
            take(World(spark, Ledger.from_environment(), Path(home), slug, suites=False), step, run)
    except (Blocked, Settled) as outcome:
        print(outcome, file=sys.stderr)
        return outcome.exit_code
    except (TryAgain, ConnectionError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


def take(world: World, step: str, name: str) -> None:
    run = world.open(name)
    if step == "release":
        world.release(run)
    elif step == "serve":
        world.serve(run)
    elif step == "swap":
        world.marts = swapped(world.slug)
        world.serve(run, "the new values are meant")
    elif step == "republished":
        world.build(republished(world), run)
    else:
        world.build({"clean": world.clean, "totals": world.totals}[step], run)


def republished(world: World) -> Stage:
    """Totals of the released events, of which another writer publishes more as soon as they have been looked at."""
    _, clean, total = contracts(world.slug, suites=False)

    def transform(cleaned: Any, known: Any, *, window: Window, params: ToyParams) -> tuple[Any, ...]:
        assert known.count() == 10
        world.spark.sql(f"INSERT INTO {world.table('clean')} SELECT 'late', event_ts, 50.0 FROM {world.table('clean')}")
        assert world.on_main() == 20
        return total_events(known, window=window, params=params)

    days = Write(total, scope=lambda w, p: w.business_days("UTC", 0))
    return Stage(world.slug, "totals", (FromRun(clean, "clean"), Released(clean)), (days,), transform)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
