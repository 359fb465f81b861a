"""Lake: how far the clock of each interlocking was off, learnt from a whole day."""

from expectations.contract import Column, Table, keys

TABLE = Table(
    pipeline="metro",
    name="clock_offsets",
    meaning="Seconds by which the clock of an interlocking is ahead of the others.",
    key=("service_date", "source_system"),
    columns=(
        Column("service_date", "date", "day of service that it was learnt from"),
        Column("source_system", "string", "interlocking"),
        Column("offset_s", "double", "how far its clock is ahead", unit="s", minimum=-3600, maximum=3600),
        Column("samples", "bigint", "trains that it was learnt from", minimum=1),
    ),
    replace=keys("service_date"),
    may_be_empty=True,
)
