"""Lake: the pixels and their advertisers, as known on a day."""

from expectations.audience import pixel_dim
from expectations.audience.membership import DS, LISTED_SINCE
from expectations.contract import Table, state
from expectations.provenance import ORIGIN

TABLE = Table(
    pipeline="audience",
    name="pixels",
    meaning="Pixels with their advertiser.",
    key=("pixel_id",),
    columns=(*pixel_dim.COLUMNS, LISTED_SINCE, *ORIGIN, DS),
    replace=state(),
    rules=pixel_dim.RULES,
)
