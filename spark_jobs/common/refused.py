"""``refused``: the rows for which a checkpoint blocked last. Until a run releases them no reader of the tables sees them."""

import argparse
from collections.abc import Iterator
from typing import TYPE_CHECKING

from spark_jobs.common.lake import Lake
from spark_jobs.common.ledger import Ledger, Receipt
from spark_jobs.common.quarantine import QUARANTINE
from spark_jobs.common.session import spark_session

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

_SHOWN_RULES, _SHOWN_ROWS, _LONGEST_ROW = 20, 5, 400


def add_command(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    meaning = "show the rows that the last blocked stage refused, by rule, and some of them"
    parser = commands.add_parser("refused", help=meaning, description=meaning)
    parser.add_argument("slug", help="the pipeline, e.g. metro")
    parser.set_defaults(handler=show)


def show(args: argparse.Namespace) -> None:
    """Print what is in the quarantine of the pipeline's last blocked receipt."""
    receipt = Ledger.from_environment().newest_blocked(args.slug)
    if receipt is None:
        print(f"No checkpoint of {args.slug} has ever blocked.")
        return
    print(f"Stage {receipt.stage} of {receipt.run_key}")
    with spark_session(f"{args.slug}.refused", "live") as spark:
        lines = list(in_quarantine(spark, receipt))
    print("\n".join(lines) or "It refused no single row: its rule is about the table as a whole.")


def in_quarantine(spark: "SparkSession", receipt: Receipt) -> Iterator[str]:
    """For each quarantine that the receipt names: how many rows broke which rule, and a few of them."""
    from pyspark.sql import functions as F

    for name, snapshot in receipt.snapshots.items():
        if QUARANTINE in name:
            rows = Lake(spark).read(name, snapshot).where(F.col("run_key") == receipt.run_key)
            yield f"{name}:"
            for found in rows.groupBy("rule", "reason").count().orderBy(F.desc("count")).take(_SHOWN_RULES):
                yield f"  {found['count']:>8,}  {found.rule:<28}  {found.reason}"
            for row in rows.orderBy("source_file", "source_row").take(_SHOWN_ROWS):
                yield f"  {row.source_file} row {row.source_row}: {row.row[:_LONGEST_ROW]}"
