"""Landing: the register of track sections."""

from expectations.contract import Column, Rule, Table, whole

TABLE = Table(
    pipeline="metro",
    name="infra_section",
    meaning="Track sections with their length, neighbours and platforms, as valid on a day.",
    key=("section_id", "valid_from"),
    columns=(
        Column("section_id", "string", "identity of the section"),
        Column("length_m", "int", "length", unit="m", minimum=1, maximum=20000),
        Column(
            "stop_mark_m",
            "double",
            "from the section's entry to where the front of a train stops",
            nullable=True,
            unit="m",
            minimum=0,
        ),
        Column("platform_stop_id", "string", "platform beside the section", nullable=True),
        Column("is_terminal", "boolean", "trains reverse here"),
        Column("track_order", "int", "position along the track in its direction"),
        Column("direction_id", "int", "direction of travel", minimum=0, maximum=1),
        Column("source_system", "string", "interlocking that reports the section"),
        Column("line_ids", "array<string>", "lines that use the section"),
        Column("next_sections", "array<string>", "sections that a train may enter next"),
        Column("signal_id", "string", "signal at the end of the section", nullable=True),
        Column("valid_from", "date", "first day on which the row holds"),
        Column("valid_to", "date", "last day on which the row holds", nullable=True),
    ),
    replace=whole(),
    rules=(
        Rule.row("stop_mark_inside", "stop_mark_m <= length_m", "A train stops inside of its platform section."),
        Rule.row(
            "platform_has_stop_mark",
            "platform_stop_id IS NULL OR stop_mark_m IS NOT NULL",
            "A platform section says where trains stop.",
        ),
        Rule.row("validity_in_order", "valid_from <= valid_to", "A section's validity ends after it begins."),
    ),
    landing=True,
)
