"""``rollback``: show the readers of a swapped mart the version before again."""

import argparse
import logging
from datetime import UTC, datetime

from spark_jobs.common import pipelines, relations, swap
from spark_jobs.common.mart import Mart
from spark_jobs.common.publish_log import PublishLog, Version
from spark_jobs.common.serve import marts_uri

_log = logging.getLogger(__name__)


def add_command(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """The sub-command with which an admin takes a published version back, on record."""
    meaning = "show the readers of a mart that is published by swap the version before again, on record"
    parser = commands.add_parser("rollback", help=meaning, description=meaning)
    parser.add_argument("slug", help="the pipeline, e.g. audience")
    parser.add_argument("mart", help="the mart, e.g. air_index")
    parser.add_argument("--reason", required=True)
    parser.set_defaults(handler=_rollback)


def roll_back(uri: str, schema: str, mart: Mart, reason: str) -> Version:
    """Exchange the published version and the one before, so that a second call undoes the first.

    Raises ``ValueError`` when there is no version to go back to.
    """
    if mart.swap is None or not reason.strip():
        raise ValueError("A rollback needs a reason." if mart.swap else f"Mart {mart.name} is not published by swap.")
    for number in swap.patient():
        with number:
            back = _exchange(uri, schema, mart, mart.swap.log, reason, number.retry_state.attempt_number)
    _log.warning("%s was rolled back to release %d: %s", mart.name, back.release_id, reason)
    return back


def _rollback(args: argparse.Namespace) -> None:
    marts = {mart.name: mart for mart in pipelines.marts(args.slug)}
    if args.mart not in marts:
        raise ValueError(f"Pipeline {args.slug} has no mart {args.mart!r}; its marts are {', '.join(marts)}.")
    back = roll_back(marts_uri(), args.slug, marts[args.mart], args.reason)
    print(f"{args.mart} shows release {back.release_id} ({back.run_id}) again, {back.rows:,} rows.")


def _exchange(uri: str, schema: str, mart: Mart, log: str, reason: str, attempts: int) -> Version:
    from adbc_driver_postgresql import dbapi

    with dbapi.connect(uri) as connection, connection.cursor() as cursor:
        # What is read of the mart and its log from here on is what will be exchanged.
        swap.take_turn(cursor, schema, [mart.name])
        before = swap.previous(cursor, schema, mart.name)
        entries = PublishLog(cursor, schema, log, mart.name)
        shown = entries.versions() if before else []
        if before is None or len(shown) < 2:
            raise ValueError(
                f"Mart {mart.name} has no version before the published one: there is nothing to go back to."
            )
        started_at, aside = datetime.now(UTC), f"{mart.name}_stage_0"
        # Its own place is where the published version goes.
        cursor.execute(swap.lock_sql(schema, before))
        relations.rename(cursor, schema, before, aside)
        swap.exchange(cursor, schema, {mart.name: aside})
        entries.append("rollback", shown[1], started_at, attempts=attempts, reason=reason)
        connection.commit()
        return shown[1]
