"""Landing: what pixels are, and whose."""

from expectations.audience.ids import is_bare_sql
from expectations.contract import Column, Rule, Table, whole

COLUMNS = (
    Column("pixel_id", "string", "pixel"),
    Column("pixel_external_id", "string", "the advertiser's own id of it", nullable=True),
    Column("advertiser_id", "string", "owner of the pixel"),
    Column("pixel_name", "string", "what people call it"),
    Column("tag_type", "string", "how the pixel is delivered, e.g. js or img", nullable=True),
    Column("pixel_type", "string", "what a visit to it means, e.g. page or conversion", nullable=True),
)
RULES = (Rule.row("pixel_trimmed", is_bare_sql("pixel_id"), "A pixel id has no white space around it."),)

TABLE = Table(
    pipeline="audience",
    name="pixel_dim",
    meaning="Pixels with their advertiser. The file that landed last says what holds.",
    key=("pixel_id",),
    columns=COLUMNS,
    replace=whole(),
    rules=RULES,
    landing=True,
)
