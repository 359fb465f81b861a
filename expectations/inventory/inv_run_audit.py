"""Lake: how the materials were spread over tasks, and how long those took."""

from expectations.contract import Column, Table, whole

TABLE = Table(
    pipeline="inventory",
    name="inv_run_audit",
    meaning="One row a run: what the apply over all materials did.",
    key=("stage",),
    columns=(
        Column("stage", "string", "stage of the run"),
        Column("materials", "bigint", "materials with a recommendation", minimum=0),
        Column("recomputed", "bigint", "of these, computed by this run and not carried over", metadata=True, minimum=0),
        Column("failures", "bigint", "materials without a reorder point", minimum=0),
        Column("tasks", "bigint", "tasks that computed", metadata=True, minimum=0),
        Column("seconds", "double", "seconds that the tasks computed, together", unit="s", metadata=True, minimum=0),
        Column(
            "materials_per_s",
            "double",
            "materials a second and core",
            nullable=True,
            unit="1/s",
            metadata=True,
            minimum=0,
        ),
        Column("straggler_ratio", "double", "longest task / median task", nullable=True, metadata=True, minimum=1),
        Column("as_of", "date", "business day of the run", metadata=True),
    ),
    replace=whole(),
)
