"""The receipt: what a build read, wrote and proved, as the ledger keeps it."""

import hashlib
import resource
from typing import TYPE_CHECKING, Any

from expectations.contract import SPANS, Column, Table
from spark_jobs.common.landing import Arrival
from spark_jobs.common.ledger import Attempt
from spark_jobs.common.provenance import code_sha, described, fingerprint
from spark_jobs.common.stage import Stage

if TYPE_CHECKING:
    from pyspark.sql import DataFrame


def content_hash(rows: "DataFrame", table: Table) -> str:
    """A hash of the rows that does not depend on their order; columns about the run take no part."""
    from pyspark.sql import functions as F

    judged = [column for column in table.columns if not column.metadata]
    columns = [_hashable(column) for column in judged]
    # A null leaves a hash as it is: in which columns there are nulls is hashed too.
    each = F.xxhash64(*columns, *[F.isnull(f"`{column.name}`") for column in judged])
    # Two independent sums: a row that changes in step with another cannot hide in both.
    row = rows.select(each.alias("h"), F.xxhash64(each, F.lit(1)).alias("g"))
    # Each in two halves, because a sum of whole hashes overflows, and one of decimals takes longer than all the rest.
    halves = [(F.shiftright(name, 32), F.col(name).bitwiseAND(F.lit(2**32 - 1))) for name in ("h", "g")]
    sums = [F.coalesce(F.sum(half), F.lit(0)) for half in (*halves[0], *halves[1])]
    n, h_high, h_low, g_high, g_low = row.agg(F.count("*"), *sums).collect()[0]
    return hashlib.sha256(f"{n}/{(h_high << 32) + h_low}/{(g_high << 32) + g_low}".encode()).hexdigest()[:32]


def _hashable(column: Column) -> Any:
    """A column as Spark can hash it: the entries of a map have no order of their own."""
    from pyspark.sql import functions as F

    return F.array_sort(F.map_entries(column.name)) if column.type == SPANS else F.col(f"`{column.name}`")


def landed_input(arrival: Arrival) -> dict[str, Any]:
    """One landing table as the receipt lists it among the inputs."""
    return {
        "landing": arrival.table.name,
        "supplied": arrival.supplied,
        "rows": arrival.rows,
        "files": [{"file": file.name, "sha256": file.sha256, "rows": file.rows} for file in arrival.files],
        "refused": [{"file": file.name, "reason": file.reason, "sha256": file.sha256} for file in arrival.refused],
        "unfinished": arrival.unfinished,
        "unknown_columns": arrival.unknown_columns,
    }


def who_and_how(attempt: Attempt, stage: Stage, params: Any) -> dict[str, Any]:
    """Which attempt, by which code, contracts and params."""
    run = attempt.run
    return {
        "pipeline": run.pipeline,
        "cadence": run.cadence,
        "tier": run.tier,
        "window": [run.window.start.isoformat(), run.window.end.isoformat()],
        "attempt": attempt.number,
        "token": attempt.token,
        "code": code_sha(),
        "params": described(params),
        "params_hash": fingerprint(described(params)),
        "contracts": {write.table.name: write.table.fingerprint() for write in stage.writes},
    }


def effort(seconds: float, phases: dict[str, float]) -> dict[str, Any]:
    """Seconds by phase; CPU and peak memory of this process and its children (on Connect the server's are not among
    them).
    """
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return {
        "seconds": round(seconds, 2),
        "phases": phases,
        "cpu_seconds": round(sum(u.ru_utime + u.ru_stime for u in used), 2),
        "peak_memory_mb": round(max(u.ru_maxrss for u in used) / 1024),
    }
