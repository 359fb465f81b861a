"""A rule: one statement about a table, with its sentence in English and what happens when it is broken."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any


class Severity(StrEnum):
    """What a broken rule does: a critical one blocks the release, a warning tells, an info records."""

    CRITICAL = "critical"
    WARNING = "warning"
    INFO = "info"


# An audit shows 200 unexpected rows at most; this many hashes fit into every task.
_MOST_SHARED = 10_000

CRITICAL, WARNING, INFO = Severity.CRITICAL, Severity.WARNING, Severity.INFO


@dataclass(frozen=True)
class Rule:
    """One statement about a table, with the sentence that a person reads when it is broken.

    A *row* rule is a Spark SQL condition over one row; a row for which it is false goes to quarantine. An *expectation*
    rule is judged by Great Expectations over the whole scope of a run.
    """

    name: str
    sentence: str
    severity: Severity
    condition: str | None = None
    expectation: str | None = None
    arguments: Mapping[str, Any] = field(default_factory=dict)

    @staticmethod
    def row(name: str, condition: str, sentence: str) -> "Rule":
        """A condition that each row meets; null counts as met (whether a column may be null is the column's own
        statement).
        """
        return Rule(name, sentence, CRITICAL, condition=condition)

    @staticmethod
    def gx(
        expectation: str, sentence: str, severity: Severity = CRITICAL, name: str | None = None, **arguments: Any
    ) -> "Rule":
        """Any expectation of Great Expectations by its class name, e.g. ``ExpectColumnKLDivergenceToBeLessThan``."""
        return Rule(name or snake_case(expectation), sentence, severity, expectation=expectation, arguments=arguments)

    @staticmethod
    def unique(*columns: str, sentence: str | None = None, severity: Severity = CRITICAL, many: bool = False) -> "Rule":
        """No two rows of the scope share these columns; ``many``: of rows by the million, found by hash first."""
        name = f"unique:{','.join(columns)}"
        said = sentence or f"No two rows share the same {' and '.join(columns)}."
        if many:
            return Rule.none(name, _repeated_by_hash(columns), said, severity)
        if len(columns) == 1:
            return Rule.gx("ExpectColumnValuesToBeUnique", said, severity, name, column=columns[0])
        # ExpectCompoundColumnsToBeUnique says the same, and sorts all rows three times to find it out.
        return Rule.none(name, _repeated(columns), said, severity)

    @staticmethod
    def none(name: str, query: str, sentence: str, severity: Severity = CRITICAL) -> "Rule":
        """A query over ``{batch}`` that must return no row."""
        return Rule.gx("UnexpectedRowsExpectation", sentence, severity, name, unexpected_rows_query=query)


def _repeated(columns: tuple[str, ...], of: str = "{batch}") -> str:
    listed = ", ".join(f"`{column}`" for column in columns)
    given = " AND ".join(f"`{column}` IS NOT NULL" for column in columns)
    return f"SELECT {listed}, count(*) AS rows FROM {of} WHERE {given} GROUP BY {listed} HAVING count(*) > 1"


def _repeated_by_hash(columns: tuple[str, ...]) -> str:
    """Only rows whose hash is not alone are compared by their columns, and as a rule there are none: to group by a number
    takes less than by texts.
    """
    hashed = f"xxhash64({', '.join(f'`{column}`' for column in columns)})"
    shared = f"SELECT {hashed} AS hash FROM {{batch}} GROUP BY 1 HAVING count(*) > 1 LIMIT {_MOST_SHARED}"
    rows = f"(SELECT /*+ BROADCAST(shared) */ * FROM {{batch}} LEFT SEMI JOIN ({shared}) shared ON hash = {hashed})"
    return _repeated(columns, rows)


def sql_text(value: str) -> str:
    """A Spark SQL literal."""
    return "'" + value.replace("\\", "\\\\").replace("'", "\\'") + "'"


def snake_case(name: str) -> str:
    """Great Expectations' own name of an expectation class, ``expect_column_kl_divergence_to_be_less_than`` for
    example.
    """
    return re.sub(r"(?<=[a-z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", name).lower()
