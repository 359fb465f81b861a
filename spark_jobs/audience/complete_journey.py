"""The tables of The Complete Journey as rows of the landing tables: frames in, frames out.

Frames in have ``source_file`` and ``source_row`` (0 = the file's first); rows out say with these where they come from.
"""

from datetime import date

import pyarrow as pa
import pyarrow.compute as pc

ADVERTISER = "retailer"
# The attributes carry no time: they are added anew on these days of every month.
DEMOGRAPHIC_YEAR, DEMOGRAPHIC_DAYS = 2017, (1, 16)
SECONDS = pa.timestamp("s")
SEGMENT = {"user_id": pa.string(), "segment_id": pa.string(), "group_id": pa.string()}
ADD = SEGMENT | {"ts": SECONDS}
VISIT = {"user_id": pa.string(), "pixel_id": pa.string(), "first_ts": SECONDS, "last_ts": SECONDS}


def campaign_adds(campaigns: pa.Table) -> pa.Table:
    """Rows of segment_events: a row is an add."""
    return _adds(campaigns, "campaign", campaigns["ts"], numbered("campaign-", campaigns, ""))


def demographic_adds(demographics: pa.Table) -> pa.Table:
    """Rows of segment_events: a row is an add on each of the days on which attributes are added anew."""
    parts = []
    for month in range(1, 13):
        for day in DEMOGRAPHIC_DAYS:
            when = date(DEMOGRAPHIC_YEAR, month, day)
            times = pa.repeat(pa.scalar(when).cast(SECONDS), demographics.num_rows)
            names = numbered("demographic-", demographics, f"-{when:%Y%m%d}")
            parts.append(_adds(demographics, "demographic", times, names))
    return pa.concat_tables(parts)


def _adds(rows: pa.Table, source: str, times: pa.ChunkedArray, names: pa.ChunkedArray) -> pa.Table:
    columns = {
        "event_id": names,
        "user_id": rows["user_id"],
        "segment_id": rows["segment_id"],
        "ts": times.cast(pa.int64()),
        "op": same("add", rows),
        "source": same(source, rows),
        "source_file": rows["source_file"],
        "source_row": rows["source_row"],
    }
    return pa.table(columns)


def visit_events(visits: pa.Table) -> pa.Table:
    """Rows of pixel_events: one at the first time of a row, and one at the last where it differs."""
    longer = visits.filter(pc.not_equal(visits["first_ts"], visits["last_ts"]))
    parts = []
    for rows, which in ((visits, "first"), (longer, "last")):
        columns = {
            "event_id": numbered("visit-", rows, f"-{which}"),
            "user_id": rows["user_id"],
            "pixel_id": rows["pixel_id"],
            "ts": rows[f"{which}_ts"].cast(pa.int64()),
            "advertiser_id": same(ADVERTISER, rows),
            "source_file": rows["source_file"],
            "source_row": rows["source_row"],
        }
        parts.append(pa.table(columns))
    return pa.concat_tables(parts)


def segment_dim(files: list[pa.Table], valid_from: date) -> pa.Table:
    """Every segment once, with the first row that names it; raises ValueError if two rows disagree on its group."""
    named = pa.concat_tables([rows.select([*SEGMENT, "source_file", "source_row"]) for rows in files])
    rows = named.group_by(["segment_id", "group_id"], use_threads=False).aggregate(
        [("source_file", "first"), ("source_row", "first")]
    )
    rows = rows.sort_by([("segment_id", "ascending"), ("source_row_first", "ascending")])
    names = rows["segment_id"].to_pylist()
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise ValueError(f"Segments are in more than one group: {', '.join(twice[:5])}.")
    columns = {
        "segment_id": rows["segment_id"],
        "segment_name": rows["segment_id"],
        "group_id": rows["group_id"],
        "group_name": rows["group_id"],
        "path": pc.binary_join_element_wise(rows["group_id"], rows["segment_id"], " > "),
        "valid_from": same(valid_from, rows),
        "valid_to": pa.nulls(rows.num_rows, pa.date32()),
        "source_file": rows["source_file_first"],
        "source_row": rows["source_row_first"],
    }
    return pa.table(columns)


def pixel_dim(visits: pa.Table) -> pa.Table:
    """Every department once, with the first row that names it."""
    rows = visits.group_by("pixel_id", use_threads=False).aggregate([("source_file", "first"), ("source_row", "first")])
    rows = rows.sort_by("pixel_id")
    columns = {
        "pixel_id": rows["pixel_id"],
        "pixel_external_id": rows["pixel_id"],
        "advertiser_id": same(ADVERTISER, rows),
        "pixel_name": rows["pixel_id"],
        "tag_type": pa.nulls(rows.num_rows, pa.string()),
        "pixel_type": pa.nulls(rows.num_rows, pa.string()),
        "source_file": rows["source_file_first"],
        "source_row": rows["source_row_first"],
    }
    return pa.table(columns)


def numbered(prefix: str, rows: pa.Table, suffix: str) -> pa.ChunkedArray:
    """An event id of each row, made of its number."""
    return pc.binary_join_element_wise(prefix, pc.cast(rows["source_row"], pa.string()), suffix, "")


def same(value: str | date, rows: pa.Table) -> pa.Array:
    """One value for every row."""
    return pa.repeat(pa.scalar(value), rows.num_rows)
