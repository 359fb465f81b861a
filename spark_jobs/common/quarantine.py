"""Quarantine: rows that broke a row rule, kept with rule, reason and origin so that they can be read, mended and
replayed.
"""

from collections import Counter
from typing import TYPE_CHECKING

from expectations.contract import Column, Table, sql_text, whole
from spark_jobs.common.arrival import READABLE
from spark_jobs.common.landing import Arrival, RefusedFile
from spark_jobs.common.stage import instant_sql
from spark_jobs.common.window import Window

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession


# What the name of a table's quarantine ends in, before its tier.
QUARANTINE = "__quarantine"
_COLUMNS = (
    Column("run_key", "string", "run that found the row last", metadata=True),
    Column("stage", "string", "stage that refused the row"),
    Column("rule", "string", "name of the first rule that the row broke"),
    Column("reason", "string", "the rule as a sentence"),
    Column("source_file", "string", "landing file, below the landing folder", nullable=True),
    Column("source_row", "bigint", "row of that file, from 0", nullable=True),
    Column(
        "scope_start",
        "timestamp",
        "the row's time in the run's window, else where that starts, for rows from no file",
        nullable=True,
    ),
    Column("row", "string", "the row as JSON, as it was read"),
)


def quarantine_table(table: Table) -> Table:
    """The contract of ``<table>__quarantine``."""
    return Table(
        pipeline=table.pipeline,
        name=f"{table.name}{QUARANTINE}",
        meaning=f"Rows of {table.name} that broke a row rule, with the reason.",
        key=(),
        columns=_COLUMNS,
        replace=whole(),
        may_be_empty=True,
    )


def reasons(table: Table) -> dict[str, str]:
    """For each rule that one row can break, its sentence."""
    said = {f"{column.name}:type": f"{column.name} can be read as {column.type}." for column in table.columns}
    said |= {READABLE: "The line has as many fields as the header, in UTF-8."}
    return said | {rule.name: rule.sentence for rule in table.row_rules()}


def in_words(table: Table, broken: Counter[str]) -> Counter[str]:
    """Rows counted by the rule that they break, counted by its sentence."""
    said = reasons(table)
    return Counter({said.get(rule, rule): count for rule, count in broken.items()})


def reasons_sql(table: Table, rule: str = "_broken_rule") -> str:
    """SQL that turns a broken rule's name into its sentence."""
    cases = " ".join(f"WHEN {sql_text(name)} THEN {sql_text(sentence)}" for name, sentence in reasons(table).items())
    return f"CASE {rule} {cases} ELSE {rule} END"


def landed_rows(frame: "DataFrame", table: Table, run_key: str, stage: str) -> "DataFrame":
    """Quarantine rows of a landing frame with its bookkeeping (see ``arrival``)."""
    broken = frame.where("_broken_rule IS NOT NULL")
    return broken.selectExpr(
        f"{sql_text(run_key)} AS run_key",
        f"{sql_text(stage)} AS stage",
        "_broken_rule AS rule",
        f"{reasons_sql(table)} AS reason",
        "_file AS source_file",
        "_row AS source_row",
        "CAST(NULL AS TIMESTAMP) AS scope_start",
        "_raw AS row",
    )


def derived_rows(frame: "DataFrame", table: Table, run_key: str, stage: str, window: Window) -> "DataFrame":
    """Quarantine rows of an output frame that carries ``_broken_rule``."""
    columns = ", ".join(f"`{name}`" for name in table.column_names)
    source = [
        name if name in table.column_names else f"CAST(NULL AS {kind}) AS {name}" for name, kind in _SOURCE.items()
    ]
    return frame.where("_broken_rule IS NOT NULL").selectExpr(
        f"{sql_text(run_key)} AS run_key",
        f"{sql_text(stage)} AS stage",
        "_broken_rule AS rule",
        f"{reasons_sql(table)} AS reason",
        *source,
        f"{_own_time_sql(table, window)} AS scope_start",
        f"to_json(struct({columns})) AS row",
    )


def _own_time_sql(table: Table, window: Window) -> str:
    """SQL for the time by which a later run of a part of the window replaces a row: its own where that lies inside. A date
    tells it where the window is made of whole days, else nobody knows here when its day began.
    """
    start, end = instant_sql(window.start), instant_sql(window.end)
    kinds = ("timestamp", "date") if window.is_whole_days else ("timestamp",)
    told = [name for name in table.replace.columns if table[name].type in kinds]
    own = f"CAST(`{told[0]}` AS TIMESTAMP)" if told else start
    return f"CASE WHEN {own} >= {start} AND {own} < {end} THEN {own} ELSE {start} END"


def refused_rows(rows: "DataFrame", table: Table, run_key: str, stage: str) -> "DataFrame":
    """What a later stage sees of a quarantine: the rows that the stage refused in this run, not those of other windows or
    of files that are gone; every column of the contract as text, null where a line was no row.
    """
    from pyspark.sql import functions as F

    own = rows.where((F.col("run_key") == run_key) & (F.col("stage") == stage))
    texts = F.from_json("row", ", ".join(f"`{name}` string" for name in table.column_names))
    told = own.select(F.col("rule").alias("_broken_rule"), F.col("row").alias("_raw"), texts.alias("told"))
    return told.select("told.*", "_broken_rule", "_raw")


def file_rows(spark: "SparkSession", refused: list[RefusedFile], run_key: str, stage: str) -> "DataFrame | None":
    """One quarantine row for each file that was refused as a whole."""
    if not refused:
        return None
    rows = [(run_key, stage, "file", f"The file {file.reason}.", file.name, None, None, "{}") for file in refused]
    return spark.createDataFrame(rows, ", ".join(f"{column.name} {column.type}" for column in _COLUMNS))


def replaced_rows(stage: str, window: Window, arrival: Arrival | None) -> str:
    """SQL of what a build replaces: its stage's earlier rows of the same files, or of the same window where they came
    from no file.
    """
    scope = f"scope_start >= {instant_sql(window.start)} AND scope_start < {instant_sql(window.end)}"
    if arrival is not None:
        taken = [*(file.name for file in arrival.files), *(file.name for file in arrival.refused)]
        scope = f"source_file IN ({', '.join(map(sql_text, taken))})" if taken else "false"
    return f"stage = {sql_text(stage)} AND {scope}"


_SOURCE = {"source_file": "string", "source_row": "bigint"}
