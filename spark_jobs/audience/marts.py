"""The serving tables of audience: each shows the lake table of its name, and the index is swapped in whole."""

from expectations import audience as contracts
from expectations.audience import air_index, statuses
from expectations.contract import sql_text
from spark_jobs import audience
from spark_jobs.audience.params import for_cadence
from spark_jobs.common.serve import Mart, Swap, View

IS_SHOWN = f"status IN ({', '.join(map(sql_text, statuses.SHOWN))})"
INDEX = Swap(
    log="air_publish_log",
    index=("advertiser_id", "pixel_id", "audience_index"),
    watched="audience_index",
    # Most cells are of a segment that nobody at the pixel is in: the median of all would be 0, whatever happens to the others.
    watched_where=IS_SHOWN,
)

# Under the names of the published report: "comparing your site visitors to 3rd party segments". The window is how long a
# visit is remembered. It has no column for a status, so it shows what is shown by default.
AUDIENCE_INDEX_PIXEL = View(
    "audience_index_pixel",
    f"""
    SELECT i.advertiser_id, p.pixel_external_id, i.pixel_id, p.pixel_name, p.tag_type AS pixel_tag_type, p.pixel_type,
           i.segment_id AS audience_id, s.segment_name AS audience_name, s.path AS audience_path,
           i.matched_users, i.audience_index,
           'last_{for_cadence("nightly").pixel_retention_days}_days' AS time_window, 'all' AS time_rollup
    FROM {{schema}}.air_index i
    LEFT JOIN {{schema}}.pixels p ON p.pixel_id = i.pixel_id
    LEFT JOIN {{schema}}.segments s
           ON s.segment_id = i.segment_id AND i.ds BETWEEN s.valid_from AND coalesce(s.valid_to, i.ds)
    WHERE i.{IS_SHOWN}
    """,
)

MARTS = (
    Mart("air_index", air_index.TABLE, day="ds", swap=INDEX, views=(AUDIENCE_INDEX_PIXEL,)),
    *(Mart(table.name, table, day="ds") for table in contracts.LAKE if table.name in audience.MARTS[1:]),
)
