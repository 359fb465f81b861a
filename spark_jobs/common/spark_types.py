"""Which columns of a Parquet file Spark can read, and in which type."""

import pyarrow as pa

_MOST_DIGITS = 38


def as_spark_reads(schema: pa.Schema) -> dict[int, pa.Field]:
    """The columns that Spark can read, by their place; times in nanoseconds, which pandas writes by default, in micros.

    What is not among them would stop a whole job, though it asks for other columns only.
    """
    coarse = {place: field.with_type(_coarse(field.type)) for place, field in enumerate(schema)}
    return {place: field for place, field in coarse.items() if _readable(field.type)}


def _coarse(found: pa.DataType) -> pa.DataType:
    return pa.timestamp("us", found.tz) if pa.types.is_timestamp(found) and found.unit == "ns" else found


def _readable(found: pa.DataType) -> bool:
    if isinstance(found, pa.BaseExtensionType):
        return bool(pa.types.is_string(found.storage_type))
    if pa.types.is_time(found) or pa.types.is_float16(found):
        return False
    if pa.types.is_decimal(found):
        return bool(found.precision <= _MOST_DIGITS)
    return found == _coarse(found) and all(_readable(found.field(n).type) for n in range(found.num_fields))
