"""Landing: visits of users to pages that carry an advertiser's pixel, day by day of arrival."""

from expectations.audience.landing_ids import EVENT, RULES, TS
from expectations.contract import Column, Table, whole

TABLE = Table(
    pipeline="audience",
    name="pixel_events",
    meaning="A user visited a page with a pixel. Files lie in the folder of the UTC day on which they arrived.",
    key=("event_id",),
    columns=(
        *EVENT,
        Column("pixel_id", "string", "pixel that fired"),
        TS,
        Column("advertiser_id", "string", "owner of the pixel", nullable=True),
    ),
    replace=whole(),
    rules=RULES,
    landing=True,
)
