"""What derives from a contract: row rules, DDL, partitions, the suite, random rows; and which contracts are refused."""

from datetime import UTC, date, datetime
from typing import Any

import pytest

from expectations.contract import (
    CRITICAL,
    INFO,
    LONGEST_TEXT,
    TYPES,
    WARNING,
    Column,
    Replace,
    Rule,
    Table,
    keys,
    whole,
    window,
)

NOON = datetime(2024, 3, 12, 12, tzinfo=UTC)


def table(*columns: Column, **said: Any) -> Table:
    """A contract with these columns; the first one is its key."""
    defaults: dict[str, Any] = {"key": (columns[0].name,), "replace": whole()}
    return Table("toy", "thing", "Things.", columns=columns, **(defaults | said))


THING = table(
    Column("thing_id", "string", "identity"),
    Column("seen_ts", "timestamp", "when it was seen"),
    Column("weight_kg", "double", "weight", unit="kg", minimum=0.5, maximum=80, nullable=True),
    Column("colour", "string", "colour", allowed=("red", "it's \\ odd"), nullable=True),
    Column("labels", "array<string>", "labels", nullable=True),
    Column("day", "date", "day", nullable=True),
    Column("count", "int", "how many", minimum=1),
    replace=window("seen_ts"),
    rules=(
        Rule.row("heavy_is_red", "weight_kg < 50 OR colour = 'red'", "Whatever weighs 50 kg is red."),
        Rule.gx("ExpectColumnKLDivergenceToBeLessThan", "Weights are spread as ever.", WARNING, column="weight_kg"),
        Rule.none("no_twins", "SELECT 1 FROM {batch} GROUP BY seen_ts HAVING count(*) > 9", "No ten at once.", INFO),
    ),
)

GOOD = {
    "thing_id": "a",
    "seen_ts": NOON,
    "weight_kg": 1.0,
    "colour": "red",
    "labels": ["x", None],
    "day": date(2024, 3, 12),
    "count": 1,
}

ROWS: list[tuple[str, dict[str, Any], str | None]] = [
    ("a good row breaks nothing", {}, None),
    ("what may be null may be null", {"weight_kg": None, "colour": None, "labels": None, "day": None}, None),
    ("bounds belong to the range", {"weight_kg": 0.5}, None),
    ("an allowed value with quote and backslash", {"colour": "it's \\ odd"}, None),
    ("a text of the longest length", {"thing_id": "x" * LONGEST_TEXT}, None),
    ("a key is given", {"thing_id": None}, "thing_id:present"),
    ("an instant is given", {"seen_ts": None}, "seen_ts:present"),
    ("too light", {"weight_kg": 0.4}, "weight_kg:minimum"),
    ("too heavy", {"weight_kg": 80.5}, "weight_kg:maximum"),
    ("not a number", {"weight_kg": float("nan")}, "weight_kg:number"),
    ("1e400 is read as infinity", {"weight_kg": float("1e400")}, "weight_kg:number"),
    ("minus infinity", {"weight_kg": float("-inf")}, "weight_kg:number"),
    ("a value that is not allowed", {"colour": "blue"}, "colour:allowed"),
    ("an empty text is not an allowed value", {"colour": ""}, "colour:allowed"),
    ("a NUL in a text", {"thing_id": "a\0b"}, "thing_id:text"),
    ("as many letters of three bytes each", {"thing_id": "\u6f22" * (LONGEST_TEXT // 2)}, "thing_id:text"),
    ("a text of 10 MB", {"thing_id": "x" * 10_000_000}, "thing_id:text"),
    ("a NUL in a list", {"labels": ["x", "\0"]}, "labels:text"),
    ("too few", {"count": 0}, "count:minimum"),
    ("columns that contradict each other", {"weight_kg": 60.0, "colour": None, "count": 0}, "count:minimum"),
    ("a rule across columns", {"weight_kg": 60.0, "colour": "it's \\ odd"}, "heavy_is_red"),
    ("null meets a rule across columns", {"weight_kg": 60.0, "colour": None}, None),
]


@pytest.fixture(scope="module")
def verdicts(spark: Any) -> list[str | None]:
    """The first broken rule of each literal row, all in one job."""
    frame = spark.createDataFrame([tuple((GOOD | change).values()) for _, change, _ in ROWS], THING.ddl())
    return [row[0] for row in frame.selectExpr(THING.first_broken_rule_sql()).collect()]


@pytest.mark.spark
@pytest.mark.parametrize("place", range(len(ROWS)), ids=[name for name, _, _ in ROWS])
def test_a_row_is_judged_by_the_first_rule_that_it_breaks(verdicts: list[str | None], place: int) -> None:
    assert verdicts[place] == ROWS[place][2]


@pytest.mark.spark
def test_text_that_is_not_utf8_breaks_a_rule(spark: Any) -> None:
    frame = spark.sql("SELECT CAST(x'61ff62' AS STRING) AS thing_id")
    assert (
        frame.selectExpr(table(Column("thing_id", "string", "")).first_broken_rule_sql()).first()[0] == "thing_id:text"
    )


@pytest.mark.spark
def test_random_rows_satisfy_their_own_row_check(spark: Any) -> None:
    every = table(*(Column(f"c{n}", kind, "") for n, kind in enumerate(TYPES)), replace=whole())
    bounded = table(
        Column("a", "int", "", minimum=1, maximum=3),
        Column("b", "double", "", minimum=-2.5, maximum=-1),
        Column("c", "bigint", "", minimum=0.5),
        Column("d", "int", "", maximum=-5),
        Column("e", "string", "", allowed=("x", "y")),
    )
    for contract in (every, bounded):
        rows = contract.random_rows(50, seed=3)
        assert rows == contract.random_rows(50, seed=3)
        assert rows != contract.random_rows(50, seed=4)
        frame = spark.createDataFrame([tuple(row.values()) for row in rows], contract.ddl())
        assert frame.where(f"({contract.first_broken_rule_sql()}) IS NOT NULL").collect() == []


def test_a_contract_without_row_rules_has_a_check_all_the_same() -> None:
    free = table(Column("n", "int", "", nullable=True))
    assert free.first_broken_rule_sql() == "CAST(NULL AS STRING)"


def test_each_rule_has_a_sentence_with_bounds_and_unit() -> None:
    assert {rule.name: rule.sentence for rule in THING["weight_kg"].row_rules()} == {
        "weight_kg:number": "weight_kg is a finite number.",
        "weight_kg:minimum": "weight_kg is at least 0.5 kg.",
        "weight_kg:maximum": "weight_kg is at most 80 kg.",
    }
    assert THING["thing_id"].row_rules()[1].sentence == "thing_id is readable text of at most 1,000 bytes."
    assert THING.rule("colour:allowed").sentence == "colour is one of red, it's \\ odd."


def test_storage_leaves_every_column_nullable() -> None:
    assert THING.ddl() == (
        "`thing_id` string, `seen_ts` timestamp, `weight_kg` double, `colour` string, `labels` array<string>, "
        "`day` date, `count` int"
    )


@pytest.mark.parametrize(
    ("replace", "tier", "partitioning"),
    [
        (window("seen_ts"), "live", "hours(`seen_ts`)"),
        (window("seen_ts"), "settled", "days(`seen_ts`)"),
        (keys("day", "line"), "live", "`day`"),
        (keys("day", "line"), "settled", "`day`"),
        (whole(), "live", None),
        (whole(), "settled", None),
    ],
)
def test_partitions_follow_what_a_run_replaces(replace: Replace, tier: str, partitioning: str | None) -> None:
    columns = (Column("seen_ts", "timestamp", ""), Column("day", "date", ""), Column("line", "string", ""))
    assert table(*columns, replace=replace).partitioning(tier) == partitioning


@pytest.mark.parametrize(
    ("columns", "replace", "day"),
    [
        ((Column("ts", "timestamp", ""), Column("service_date", "date", "")), window("ts"), "service_date"),
        ((Column("day", "date", ""),), keys("day"), "day"),
        ((Column("ts", "timestamp", ""), Column("birthday", "date", "")), window("ts"), None),
    ],
)
def test_a_business_day_is_service_date_or_what_is_replaced(columns: Any, replace: Replace, day: str | None) -> None:
    assert table(*columns, replace=replace).day == day


def test_the_suite_holds_emptiness_the_key_and_the_named_rules() -> None:
    suite = THING.suite()
    assert suite["name"] == "toy.thing"
    assert suite["meta"] == {"contract": THING.fingerprint()}
    assert [(e["type"], e["severity"], e["meta"]["rule"], e["kwargs"]) for e in suite["expectations"]] == [
        ("expect_table_row_count_to_be_between", "critical", "has_rows", {"min_value": 1}),
        ("expect_column_values_to_be_unique", "critical", "unique:thing_id", {"column": "thing_id"}),
        (
            "expect_column_kl_divergence_to_be_less_than",
            "warning",
            "expect_column_kl_divergence_to_be_less_than",
            {"column": "weight_kg"},
        ),
        (
            "unexpected_rows_expectation",
            "info",
            "no_twins",
            {"unexpected_rows_query": "SELECT 1 FROM {batch} GROUP BY seen_ts HAVING count(*) > 9"},
        ),
    ]
    assert suite["expectations"][1]["meta"]["sentence"] == "No two rows share the same thing_id."


def test_every_expectation_of_great_expectations_is_found_by_its_class_name() -> None:
    import great_expectations.expectations as gxe
    from great_expectations.expectations.registry import get_expectation_impl

    kinds = [
        name for name in dir(gxe) if name.startswith(("ExpectColumn", "ExpectTable", "ExpectCompound", "Unexpected"))
    ]
    assert len(kinds) > 40
    for kind in kinds:
        suite = table(Column("n", "int", ""), key=(), rules=(Rule.gx(kind, "…"),), may_be_empty=True).suite()
        assert get_expectation_impl(suite["expectations"][0]["type"]).__name__ == kind


def test_a_key_of_two_columns_is_judged_together() -> None:
    both = table(Column("a", "int", ""), Column("b", "int", ""), key=("a", "b"), may_be_empty=True)
    assert [(e["type"], e["kwargs"]) for e in both.suite()["expectations"]] == [
        (
            "unexpected_rows_expectation",
            {
                "unexpected_rows_query": "SELECT `a`, `b`, count(*) AS rows FROM {batch}"
                " WHERE `a` IS NOT NULL AND `b` IS NOT NULL GROUP BY `a`, `b` HAVING count(*) > 1"
            },
        )
    ]


def test_landing_files_have_no_suite_of_their_own() -> None:
    assert table(Column("a", "int", ""), landing=True).suite()["expectations"] == []


def test_the_fingerprint_changes_with_anything_the_contract_says() -> None:
    base = {"columns": (Column("a", "int", "one"),), "key": ("a",), "replace": whole()}
    said = [
        {"meaning": "Other things."},
        {"columns": (Column("a", "bigint", "one"),)},
        {"columns": (Column("a", "int", "two"),)},
        {"columns": (Column("a", "int", "one", minimum=0),)},
        {"key": ()},
        {"may_be_empty": True},
        {"landing": True},
        {"max_quarantine_share": 0.2},
        {"warn_quarantine_share": 0.02},
        {"rules": (Rule.row("r", "a > 0", "…"),)},
        {"rules": (Rule.gx("ExpectColumnMaxToBeBetween", "…", column="a", max_value=1),)},
        {"rules": (Rule.gx("ExpectColumnMaxToBeBetween", "…", column="a", max_value=2),)},
        {"rules": (Rule.gx("ExpectColumnMaxToBeBetween", "…", WARNING, column="a", max_value=2),)},
    ]
    prints = [Table("toy", "thing", **({"meaning": "Things."} | base | change)).fingerprint() for change in [{}, *said]]
    assert len(set(prints)) == len(said) + 1
    assert prints[0] == Table("toy", "thing", "Things.", **base).fingerprint()


ID, TS = Column("id", "string", ""), Column("ts", "timestamp", "")
REFUSED: list[tuple[str, Any, str]] = [
    ("a column named twice", lambda: table(ID, ID), "toy.thing: a column is named twice."),
    ("a key that is no column", lambda: table(ID, key=("x",)), "toy.thing: key or scope names no column: x."),
    ("a scope that is no column", lambda: table(ID, replace=keys("d")), "toy.thing: key or scope names no column: d."),
    (
        "a window that may be null",
        lambda: table(Column("ts", "timestamp", "", nullable=True), replace=window("ts")),
        "toy.thing: what a run replaces goes by ts, which may be null.",
    ),
    (
        "two rules of one name",
        lambda: table(ID, rules=(Rule.row("r", "true", ""), Rule.none("r", "", ""))),
        "toy.thing: two rules share a name: ['r'].",
    ),
    (
        "a rule named like an implied one",
        lambda: table(ID, rules=(Rule.row("id:present", "true", ""),)),
        "toy.thing: two rules share a name: ['id:present'].",
    ),
    ("an unknown type", lambda: Column("a", "float", ""), "a: 'float' is not a column type; there are string, int,"),
    ("bounds upside down", lambda: Column("a", "int", "", minimum=2, maximum=1), "a: the minimum 2 is above the"),
    ("a column name that is code", lambda: Column("a`; DROP", "int", ""), "'a`; DROP' cannot name a column"),
    ("a reserved column name", lambda: Column("_dropped", "int", ""), "'_dropped' cannot name a column"),
    (
        "a table name that is code",
        lambda: Table("toy", "a b", "", ("id",), (ID,), whole()),
        "'a b' cannot name a pipeline or table",
    ),
]


@pytest.mark.parametrize(("make", "sentence"), [case[1:] for case in REFUSED], ids=[case[0] for case in REFUSED])
def test_a_broken_contract_is_refused_with_a_sentence(make: Any, sentence: str) -> None:
    with pytest.raises(ValueError, match=r".") as refused:
        make()
    assert str(refused.value).startswith(sentence)


def test_random_values_differ_by_row_and_ascend_in_time() -> None:
    rows = table(ID, TS, Column("end_ts", "timestamp", "")).random_rows(20)
    assert len({row["id"] for row in rows}) == 20
    assert all(row["ts"] < row["end_ts"] for row in rows)


def test_severities_read_as_words() -> None:
    assert [str(severity) for severity in (CRITICAL, WARNING, INFO)] == ["critical", "warning", "info"]
