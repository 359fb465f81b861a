"""Landing: platforms and stations (GTFS stops)."""

from expectations.contract import Column, Table, whole
from expectations.metro.provenance import PLAN

TABLE = Table(
    pipeline="metro",
    name="stops",
    meaning="Platforms and the stations they belong to (GTFS stops).",
    key=("stop_id", "plan_version"),
    columns=(
        Column("stop_id", "string", "platform or station"),
        Column("stop_name", "string", "name as passengers know it"),
        Column("parent_station", "string", "station that the platform belongs to", nullable=True),
        Column("stop_lat", "double", "latitude", nullable=True, unit="degrees", minimum=-90, maximum=90),
        Column("stop_lon", "double", "longitude", nullable=True, unit="degrees", minimum=-180, maximum=180),
        Column("platform_code", "string", "platform as signed at the station", nullable=True),
        *PLAN,
    ),
    replace=whole(),
    landing=True,
)
