"""Columns that say which landing row a row comes from, shared by the contracts of all pipelines."""

from expectations.contract import Column

ORIGIN = (
    Column("source_file", "string", "landing file that the row was read from", nullable=True),
    Column("source_row", "bigint", "row of that file, from 0", nullable=True, minimum=0),
)
