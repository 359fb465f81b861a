"""The rows of landing files as one frame, in the contract's types, each with its origin and the first rule that it
breaks.
"""

from typing import TYPE_CHECKING, Any

import pyarrow as pa

from expectations.contract import Column, Table, sql_text
from spark_jobs.common.csv_texts import ROW, UNREADABLE
from spark_jobs.common.landing import SOURCE_COLUMNS, Arrival, LandedFile

if TYPE_CHECKING:
    from pyspark.sql import Column as SparkColumn
    from pyspark.sql import DataFrame, SparkSession

# What a frame carries for the quarantine, beside the contract's columns: a transform never sees it.
BOOKKEEPING = {"_file": "string", "_row": "bigint", "_raw": "string", "_broken_rule": "string"}
READABLE = "row:readable"


def read_arrival(spark: "SparkSession", arrival: Arrival) -> "DataFrame":
    """The rows of the files taken, cast to the contract's columns, plus ``source_file``, ``source_row`` and the
    bookkeeping.

    A value that cannot be cast breaks the rule ``<column>:type``; a line that is no row breaks ``row:readable``.
    """
    from pyspark.sql import functions as F

    groups: dict[tuple[Any, ...], list[LandedFile]] = {}
    for file in arrival.files:
        shape = tuple((f.name, str(f.type)) for f in file.schema)
        groups.setdefault((shape, file.time_zone), []).append(file)
    frames = [_read_group(spark, arrival.table, files) for files in groups.values()]
    if not frames:
        more = {n: t for n, t in (SOURCE_COLUMNS | BOOKKEEPING).items() if n not in arrival.table.column_names}
        return spark.createDataFrame([], ", ".join([arrival.table.ddl(), *(f"{n} {t}" for n, t in more.items())]))
    frame = frames[0]
    for other in frames[1:]:
        frame = frame.unionByName(other)
    return frame.withColumn("_broken_rule", F.coalesce("_broken_rule", F.expr(arrival.table.first_broken_rule_sql())))


def valid_rows(frame: "DataFrame") -> "DataFrame":
    """What a transform sees of a landing frame: its columns, and ``landing_file``, whose names sort by landing day."""
    return frame.where("_broken_rule IS NULL").withColumnRenamed("_file", "landing_file").drop(*BOOKKEEPING)


def arrival_day() -> "SparkColumn":
    """Of a transform's landing row: the UTC day on which its file arrived, as its folder is named."""
    from pyspark.sql import functions as F

    return F.split("landing_file", "/")[1].cast("date")


def _read_group(spark: "SparkSession", table: Table, files: list[LandedFile]) -> "DataFrame":
    """Files of one schema and time zone."""
    from pyspark.sql import functions as F

    schema, zone = files[0].schema, files[0].time_zone
    raw = spark.read.parquet(*[f"file://{file.staged}" for file in files]).withColumns(
        {"_path": F.col("_metadata.file_path"), "_place": F.col("_metadata.row_index")}
    )
    file = _file_name(files)
    row = F.col(ROW if ROW in schema.names else "_place")
    casts = {c.name: _cast(c, schema, zone) for c in table.columns if c.name not in SOURCE_COLUMNS}
    own = [F.expr(sql).alias(name) for name, sql in casts.items()]
    # An importer wrote down where it had a row from; every other row comes from the landing file itself.
    told = set(SOURCE_COLUMNS) <= set(schema.names)
    source_file = F.coalesce("source_file", file) if told else file
    source_row = (
        F.when(F.col("source_file").isNull(), row).otherwise(F.col("source_row").cast("bigint")) if told else row
    )
    origin = [source_file.alias("source_file"), source_row.alias("source_row"), file.alias("_file"), row.alias("_row")]
    return raw.select(*own, *origin, _as_read(schema).alias("_raw"), _broken(schema, casts).alias("_broken_rule"))


def _file_name(files: list[LandedFile]) -> Any:
    """The landing file that a row came from; of one file alone nothing need be looked up."""
    from pyspark.sql import functions as F

    if len(files) == 1:
        return F.lit(files[0].name)
    by_path = F.create_map(*[F.lit(part) for file in files for part in (file.staged.name, file.name)])
    return F.element_at(by_path, F.element_at(F.split("_path", "/"), -1))


def _as_read(schema: pa.Schema) -> Any:
    """The row as JSON, or the line that is no row."""
    from pyspark.sql import functions as F

    fields = [F.col(_quoted(n)).cast("string").alias(n) for n in schema.names if n not in (ROW, UNREADABLE)]
    text = F.to_json(F.struct(*fields))
    return F.coalesce(F.col(UNREADABLE), text) if UNREADABLE in schema.names else text


def _broken(schema: pa.Schema, casts: dict[str, str]) -> Any:
    from pyspark.sql import functions as F

    cases = [f"WHEN {UNREADABLE} IS NOT NULL THEN '{READABLE}'"] if UNREADABLE in schema.names else []
    for name, cast in casts.items():
        if name in schema.names:
            cases.append(f"WHEN {_quoted(name)} IS NOT NULL AND {cast} IS NULL THEN '{name}:type'")
    return F.expr(f"CASE {' '.join(cases)} END") if cases else F.lit(None).cast("string")


def _cast(column: Column, schema: pa.Schema, zone: str | None) -> str:
    """SQL that reads one landed column in the contract's type; null where it cannot be read."""
    if column.name not in schema.names:
        return f"CAST(NULL AS {column.type})"
    name = _quoted(column.name)
    if column.type == "timestamp":
        offset = f"CAST({name} AS STRING) RLIKE '(Z|[+-][0-9]{{2}}:?[0-9]{{2}})$'"
        local = f"to_utc_timestamp(try_cast({name} AS TIMESTAMP), {sql_text(zone)})" if zone else "NULL"
        return f"CASE WHEN typeof({name}) = 'timestamp' OR {offset} THEN try_cast({name} AS TIMESTAMP) ELSE {local} END"
    if column.type.startswith("array") and pa.types.is_string(schema.field(column.name).type):
        return f"from_json({name}, '{column.type}')"
    if column.type in ("int", "bigint") and pa.types.is_floating(schema.field(column.name).type):
        return f"IF({name} = floor({name}), try_cast({name} AS {column.type}), NULL)"
    return f"try_cast({name} AS {column.type})"


def _quoted(name: str) -> str:
    return "`" + name.replace("`", "``") + "`"
