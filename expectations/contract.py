"""The contract: the whole truth about one table.

A contract reads as a data dictionary: what the table is, its key, its columns with type, meaning, unit and bounds, how
a run replaces rows in it, and rules with their sentence in English. Everything else derives from it: the Spark schema,
the Iceberg table, the one-pass row check that feeds quarantine, the Great Expectations suite, the generated docs, and
random valid rows for tests.

Nothing heavy is imported here: DAG parsing and the docs read contracts too.
"""

import hashlib
import random
import re
from dataclasses import dataclass
from typing import Any

from expectations.replace import BUCKETS, Replace, keys, state, whole, window
from expectations.rule import CRITICAL, INFO, WARNING, Rule, Severity, snake_case, sql_text

__all__ = [
    "CRITICAL",
    "INFO",
    "LONGEST_TEXT",
    "SPANS",
    "TYPES",
    "WARNING",
    "Column",
    "Replace",
    "Rule",
    "Severity",
    "Table",
    "keys",
    "sql_text",
    "state",
    "whole",
    "window",
]


# For each id the first and the last of its instants.
SPANS = "map<string,struct<min:bigint,max:bigint>>"
TYPES = (
    *("string", "int", "bigint", "double", "boolean", "timestamp", "date"),
    *("array<string>", "array<double>", SPANS),
)
# Bytes of UTF-8. A longer text is an accident, and PostgreSQL could not index it: an entry of an index has 2,704 bytes at most.
LONGEST_TEXT = 1000
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]*")


@dataclass(frozen=True)
class Column:
    """One column: its Spark SQL type, what it means, and which values it may take.

    ``metadata`` marks columns about the run rather than the world; they take no part in the content hash.
    """

    name: str
    type: str
    meaning: str
    nullable: bool = False
    unit: str | None = None
    minimum: float | None = None
    maximum: float | None = None
    allowed: tuple[str, ...] = ()
    metadata: bool = False

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.name):
            raise ValueError(
                f"{self.name!r} cannot name a column: letters, digits and _ only, beginning with a letter."
            )
        if self.type not in TYPES:
            raise ValueError(f"{self.name}: {self.type!r} is not a column type; there are {', '.join(TYPES)}.")
        if self.minimum is not None and self.maximum is not None and self.minimum > self.maximum:
            raise ValueError(f"{self.name}: the minimum {self.minimum:g} is above the maximum {self.maximum:g}.")

    def row_rules(self) -> list["Rule"]:
        """The rules that the column's own description implies."""
        rules = []
        if not self.nullable:
            rules.append(Rule.row(f"{self.name}:present", f"`{self.name}` IS NOT NULL", f"{self.name} is given."))
        if self.type in ("string", "array<string>") and not self.allowed:
            plain = (
                _plain_text(f"`{self.name}`")
                if self.type == "string"
                else f"forall(`{self.name}`, x -> coalesce({_plain_text('x')}, true))"
            )
            said = f"{self.name} is readable text of at most {LONGEST_TEXT:,} bytes."
            rules.append(Rule.row(f"{self.name}:text", plain, said))
        if self.type in ("double", "array<double>"):
            finite = (
                _finite(f"`{self.name}`")
                if self.type == "double"
                else f"forall(`{self.name}`, x -> coalesce({_finite('x')}, true))"
            )
            rules.append(Rule.row(f"{self.name}:number", finite, f"{self.name} is a finite number."))
        if self.minimum is not None:
            rules.append(
                Rule.row(
                    f"{self.name}:minimum",
                    f"`{self.name}` >= {self.minimum!r}",
                    f"{self.name} is at least {self.minimum:g}{self._unit}.",
                )
            )
        if self.maximum is not None:
            rules.append(
                Rule.row(
                    f"{self.name}:maximum",
                    f"`{self.name}` <= {self.maximum!r}",
                    f"{self.name} is at most {self.maximum:g}{self._unit}.",
                )
            )
        if self.allowed:
            listed = ", ".join(sql_text(value) for value in self.allowed)
            rules.append(
                Rule.row(
                    f"{self.name}:allowed",
                    f"`{self.name}` IN ({listed})",
                    f"{self.name} is one of {', '.join(self.allowed)}.",
                )
            )
        return rules

    @property
    def _unit(self) -> str:
        return f" {self.unit}" if self.unit else ""


@dataclass(frozen=True)
class Table:
    """A table of the lake, or one kind of landing file.

    ``may_be_empty`` says whether a run that writes no rows is legal. Above ``max_quarantine_share`` of its rows in
    quarantine a table blocks; above ``warn_quarantine_share`` it warns.
    """

    pipeline: str
    name: str
    meaning: str
    key: tuple[str, ...]
    columns: tuple[Column, ...]
    replace: Replace
    rules: tuple[Rule, ...] = ()
    may_be_empty: bool = False
    landing: bool = False
    max_quarantine_share: float = 0.15
    warn_quarantine_share: float = 0.01

    def __post_init__(self) -> None:
        for part in (self.pipeline, self.name):
            if not _NAME.fullmatch(part):
                raise ValueError(
                    f"{part!r} cannot name a pipeline or table: letters, digits and _ only, beginning with a letter."
                )
        known = [column.name for column in self.columns]
        wanted = (*self.key, *self.replace.columns, *filter(None, [self.replace.bucketed_by]))
        if len(set(known)) != len(known):
            raise ValueError(f"{self.pipeline}.{self.name}: a column is named twice.")
        if missing := [name for name in wanted if name not in known]:
            raise ValueError(f"{self.pipeline}.{self.name}: key or scope names no column: {', '.join(missing)}.")
        if loose := [name for name in self.replace.columns if self[name].nullable]:
            raise ValueError(
                f"{self.pipeline}.{self.name}: what a run replaces goes by {', '.join(loose)}, which may be null."
            )
        names = [rule.name for rule in (*self.row_rules(), *self.suite_rules())]
        if len(set(names)) != len(names):
            twice = sorted({name for name in names if names.count(name) > 1})
            raise ValueError(f"{self.pipeline}.{self.name}: two rules share a name: {twice}.")

    def __getitem__(self, name: str) -> Column:
        return next(column for column in self.columns if column.name == name)

    @property
    def day(self) -> str | None:
        """The date column that says which business day a row belongs to, if the table has one: days are settled as a
        whole.
        """
        return next(
            (c.name for c in self.columns if c.type == "date" and c.name in ("service_date", *self.replace.columns)),
            None,
        )

    @property
    def column_names(self) -> tuple[str, ...]:
        return tuple(column.name for column in self.columns)

    def row_rules(self) -> list[Rule]:
        """Every rule that one row alone can break, in the order in which they are tried."""
        implied = [rule for column in self.columns for rule in column.row_rules()]
        return implied + [rule for rule in self.rules if rule.condition is not None]

    def suite_rules(self) -> list[Rule]:
        """Every rule that needs the whole scope: emptiness, the key, and what the contract names."""
        rules = [rule for rule in self.rules if rule.expectation is not None]
        if self.key and not self.landing:
            rules.insert(0, Rule.unique(*self.key, many=self.replace.has_many_rows))
        if not self.may_be_empty and not self.landing:
            rules.insert(
                0,
                Rule.gx("ExpectTableRowCountToBeBetween", f"{self.name} has rows.", CRITICAL, "has_rows", min_value=1),
            )
        return rules

    def rule(self, name: str) -> Rule:
        return next(rule for rule in (*self.row_rules(), *self.suite_rules()) if rule.name == name)

    def ddl(self) -> str:
        """The columns as Spark DDL. Storage leaves every column nullable: presence is a rule, so that a breach is a
        sentence.
        """
        return ", ".join(f"`{column.name}` {column.type}" for column in self.columns)

    def partitioning(self, tier: str) -> str | None:
        """Iceberg partition transform: hours of the window column live, days settled; the first scope column; buckets."""
        if self.replace.kind == "window":
            return f"{'hours' if tier == 'live' else 'days'}(`{self.replace.columns[0]}`)"
        if self.replace.bucketed_by:
            return f"bucket({BUCKETS}, `{self.replace.bucketed_by}`)"
        return f"`{self.replace.columns[0]}`" if self.replace.kind == "keys" else None

    def first_broken_rule_sql(self) -> str:
        """A Spark SQL expression: the name of the first row rule that a row breaks, or null."""
        cases = [f"WHEN NOT coalesce(({rule.condition}), true) THEN {sql_text(rule.name)}" for rule in self.row_rules()]
        return f"CASE {' '.join(cases)} END" if cases else "CAST(NULL AS STRING)"

    def suite(self) -> dict[str, Any]:
        """The Great Expectations suite as committed in ``<table>.suite.json``."""
        expectations = [
            {
                "type": snake_case(rule.expectation or ""),
                "kwargs": dict(rule.arguments),
                "severity": str(rule.severity),
                "meta": {"rule": rule.name, "sentence": rule.sentence},
            }
            for rule in self.suite_rules()
        ]
        return {
            "name": f"{self.pipeline}.{self.name}",
            "expectations": expectations,
            "meta": {"contract": self.fingerprint()},
        }

    def fingerprint(self) -> str:
        """A hash of everything that the contract says."""
        return hashlib.sha256(repr(self).encode()).hexdigest()[:16]

    def random_rows(self, count: int, seed: int = 0) -> list[dict[str, Any]]:
        """Random rows that satisfy every column's own statement; timestamps of a row ascend in column order."""
        from expectations.random_values import random_value

        rng = random.Random(f"{self.name}/{seed}")
        return [
            {column.name: random_value(column, rng, row, order) for order, column in enumerate(self.columns)}
            for row in range(count)
        ]


def _finite(value: str) -> str:
    return f"NOT isnan({value}) AND abs({value}) < 1e300"


def _plain_text(value: str) -> str:
    """SQL that holds for text which every system downstream can store: UTF-8, no NUL, not endless."""
    return f"is_valid_utf8({value}) AND NOT contains({value}, chr(0)) AND octet_length({value}) <= {LONGEST_TEXT}"
