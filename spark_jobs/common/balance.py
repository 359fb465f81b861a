"""The balance of rows: rows read = published + quarantined + duplicates + filtered by a declared filter."""

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from spark_jobs.common.audit import rule_entry, share_rules
from spark_jobs.common.disposition import DROPPED, DUPLICATE
from spark_jobs.common.quarantine import in_words
from spark_jobs.common.stage import Write

if TYPE_CHECKING:
    from pyspark.sql import DataFrame


@dataclass
class Fates:
    """What becomes of an output's rows. ``outside`` counts kept rows that lie outside of what the run replaces,
    ``broken`` those for the quarantine by the rule that each breaks, ``made`` those that the stage added, whatever became of them.
    """

    kept: int = 0
    outside: int = 0
    broken: Counter[str] = field(default_factory=Counter)
    duplicate: int = 0
    filtered: dict[str, int] = field(default_factory=dict)
    made: int = 0


def count_fates(checked: "DataFrame", scope: str, made: str | None = None) -> Fates:
    """Count an output that carries ``_broken_rule``, and ``_dropped`` where its stage leaves rows out, in one job."""
    dropped = DROPPED if DROPPED in checked.columns else f"CAST(NULL AS STRING) AS {DROPPED}"
    outside = f"NOT coalesce({scope}, false) AS outside"
    marks = checked.selectExpr(dropped, "_broken_rule AS broken", outside, f"{made or 'false'} AS made")
    fates = Fates()
    for row in marks.groupBy(DROPPED, "broken", "outside", "made").count().collect():
        reason, count = row[DROPPED], row["count"]
        fates.made += count if row.made else 0
        if reason == DUPLICATE:
            fates.duplicate += count
        elif reason is not None:
            fates.filtered[reason] = fates.filtered.get(reason, 0) + count
        elif row.broken is not None:
            fates.broken[row.broken] += count
        else:
            fates.kept += count
            fates.outside += count if row.outside else 0
    return fates


def count_broken(landed: dict[str, "DataFrame"]) -> dict[str, Counter[str]]:
    """Rows of each landing table that broke a row rule, by the rule, in one job."""
    from pyspark.sql import functions as F

    found: dict[str, Counter[str]] = {name: Counter() for name in landed}
    parts = [
        frame.where("_broken_rule IS NOT NULL").select(F.lit(name).alias("t"), "_broken_rule")
        for name, frame in landed.items()
    ]
    if not parts:
        return found
    together = parts[0]
    for part in parts[1:]:
        together = together.union(part)
    for row in together.groupBy("t", "_broken_rule").count().collect():
        found[row.t][row["_broken_rule"]] = row["count"]
    return found


def balance(
    write: Write, name: str, published: int, fates: Fates, read: int, refused: Counter[str]
) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """The receipt's entry for one output, and the rules that prove it.

    ``read`` and ``refused`` are the rows of the landing table that the output balances, and how many of those broke which
    row rule, by its sentence.
    """
    broken = refused + in_words(write.table, fates.broken)
    entry: dict[str, Any] = {"published": published, "duplicate": fates.duplicate, "filtered": fates.filtered}
    entry["quarantined"] = broken.total()
    seen = f"kept {fates.kept}, wrote {published}"
    rules = [
        rule_entry(
            name,
            "written_once",
            "Every row kept is written once.",
            published == fates.kept,
            evaluated=fates.kept,
            observed=seen,
        ),
        rule_entry(
            name,
            "in_scope",
            "Every row lies within what the run replaces.",
            fates.outside == 0,
            evaluated=fates.kept,
            observed=f"{fates.outside} outside",
        ),
    ]
    if write.balances:
        entry["read"] = read
        found = published + entry["quarantined"] + fates.duplicate + sum(fates.filtered.values()) - fates.made
        sentence = "Rows read = published + quarantined + duplicates + filtered."
        seen = f"read {read}, found again {found}"
        rules.append(rule_entry(name, "row_balance", sentence, found == read, evaluated=read, observed=seen))
    if write.made:
        entry["made"] = fates.made
        # Beside all that the stage adds, what is refused of few landed rows would be no share at all: it is judged by itself.
        own = in_words(write.table, fates.broken)
        return entry, rules + share_rules(name, write.table, own, published + own.total())
    # Landing files reach beyond the window: the share is one of all that was read, not of what was published.
    judged = entry.get("read", published + entry["quarantined"])
    return entry, rules + share_rules(name, write.table, broken, judged)
