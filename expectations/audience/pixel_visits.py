"""Lake: visits of users to pixels, each event once, by the day on which it arrived."""

from expectations.audience.arrivals import ARRIVAL_DAY, KNOWN, RULES
from expectations.contract import Column, Rule, Table, keys
from expectations.provenance import ORIGIN

TABLE = Table(
    pipeline="audience",
    name="pixel_visits",
    meaning="A user visited a page with a pixel.",
    key=("arrival_day", "event_id"),
    columns=(
        ARRIVAL_DAY,
        Column("event_id", "string", "identity of the event"),
        Column("user_id", "string", "pseudonymous user"),
        Column("pixel_id", "string", "pixel that fired"),
        Column("ts", "bigint", "when it fired", unit="seconds since 1970-01-01 UTC", minimum=1),
        KNOWN,
        *ORIGIN,
    ),
    replace=keys("arrival_day"),
    rules=(Rule.row("known_pixel", "known", "The pixel is listed in pixel_dim."), *RULES),
    may_be_empty=True,
    warn_quarantine_share=0.005,
)
