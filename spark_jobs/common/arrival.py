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
_SOURCE_ROW = Column("source_row", "bigint", "")
_KINDS = {
    "text": (pa.types.is_string, pa.types.is_large_string, pa.types.is_string_view),
    "time": (pa.types.is_timestamp, pa.types.is_date),
    "whole": (pa.types.is_integer,),
    "fraction": (pa.types.is_floating, pa.types.is_decimal),
    "truth": (pa.types.is_boolean,),
    "list": (pa.types.is_list, pa.types.is_large_list),
}
# Spark would also take a number for a time and a time for a number, in a unit of its own, and stops at other pairs.
_NUMBER, _TIME, _LIST = {"text", "whole", "fraction", "truth"}, {"text", "time"}, {"text", "list"}
_READ_FROM = {
    **dict.fromkeys(("int", "bigint", "double"), _NUMBER),
    **dict.fromkeys(("timestamp", "date"), _TIME),
    **dict.fromkeys(("array<string>", "array<double>"), _LIST),
    "boolean": {"text", "truth"},
}
# Spark takes a time without a date for one of today, and numbers as Java writes them (12d, 0x1p3).
_DATED, _OFFSET, _JAVA_NUMBER = "^ *[0-9]{4}-", "(Z|[+-][0-9]{2}:?[0-9]{2})$", "[0-9.][dDfF] *$|[xX]"


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
    if set(SOURCE_COLUMNS) <= set(schema.names):
        told_file, told_row = F.col("source_file").cast("string"), F.expr(_cast(_SOURCE_ROW, schema, None))
        told = told_file.isNotNull() & told_row.isNotNull()
        source_file, source_row = F.when(told, told_file).otherwise(file), F.when(told, told_row).otherwise(row)
    else:
        source_file, source_row = file, row
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
    name, kind = _quoted(column.name), _kind(schema.field(column.name).type)
    plain = f"try_cast({name} AS {column.type})"
    if column.type != "string" and kind not in _READ_FROM.get(column.type, ()):
        return f"CAST(NULL AS {column.type})"
    if column.type == "timestamp":
        local = f"to_utc_timestamp({plain}, {sql_text(zone)})" if zone else "NULL"
        dated, offset = (f"CAST({name} AS STRING) RLIKE '{pattern}'" for pattern in (_DATED, _OFFSET))
        return (
            f"CASE WHEN typeof({name}) = 'timestamp' THEN {plain} WHEN NOT {dated} THEN NULL "
            f"WHEN {offset} THEN {plain} ELSE {local} END"
        )
    if column.type.startswith("array") and kind == "text":
        return f"from_json({name}, '{column.type}')"
    if column.type in ("int", "bigint") and kind == "fraction":
        return f"IF({name} = floor({name}), {plain}, NULL)"
    if column.type == "double" and kind == "text":
        return f"IF({name} RLIKE '{_JAVA_NUMBER}', NULL, {plain})"
    return plain


def _kind(found: pa.DataType) -> str:
    found = found.value_type if pa.types.is_dictionary(found) else found
    return next((kind for kind, tests in _KINDS.items() if any(test(found) for test in tests)), "other")


def _quoted(name: str) -> str:
    return "`" + name.replace("`", "``") + "`"
