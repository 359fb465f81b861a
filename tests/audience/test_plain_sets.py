"""State and counts by plain sets: the worked example, and each rule on a few literal events."""

from datetime import date
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from simulators.audience import sets
from tests.audience.simulated import DAY_S, START

FIRST = date(2024, 1, 1)
GROUPS = {"s": "G", "t": "G", "lone": sets.UNGROUPED}


def land(landing: Path, table: str, day: date, rows: list[dict]) -> None:
    path = landing / table / day.isoformat() / f"{len(rows)}.parquet"
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.Table.from_pylist(rows), path)


@pytest.fixture
def landing(tmp_path: Path) -> Path:
    always = {"valid_from": date(2023, 1, 1), "valid_to": None}
    land(tmp_path, "segment_dim", FIRST, [{"segment_id": s, "group_id": "G", **always} for s in ("s", "t")])
    land(tmp_path, "pixel_dim", FIRST, [{"pixel_id": "p"}])
    return tmp_path


def add(
    landing: Path, arrived: int, ts: int, user: str = "u", segment: str = "s", event: str = "e", op: str = "add"
) -> None:
    row = {"event_id": event, "user_id": user, "segment_id": segment, "ts": ts, "op": op}
    land(landing, "segment_events", date(2024, 1, 1 + arrived), [row])


def live(landing: Path, days: int) -> dict[str, sets.Spans]:
    """Live segments by user at the end of that many days."""
    return sets.state_on(landing, FIRST, date.fromordinal(FIRST.toordinal() + days - 1)).segments


def test_the_worked_example_has_its_seven_pairs():
    segments = {"11": (1486658209, 1488499293), "101": (1486658209, 1488499293), "123": (1486230978, 1488499293)}
    sites = {
        "457455": (1489355833, 1489356106),
        "1016015": (1489327086, 1489357958),
        "1017238": (1486658207, 1489355286),
    }
    assert set(sets.ordered_pairs(segments, sites)) == {
        ("11", "457455"), ("11", "1016015"), ("101", "457455"), ("101", "1016015"),
        ("123", "457455"), ("123", "1016015"), ("123", "1017238"),
    }  # fmt: skip


def test_an_add_in_the_second_of_the_visit_is_no_pair():
    assert sets.ordered_pairs({"s": (5, 9)}, {"p": (5, 9)}) == []


@pytest.mark.parametrize(
    ("change", "days"),
    [
        ({"ts": START * 1000}, 1),
        ({"ts": -START}, 1),
        ({"ts": START + DAY_S}, 1),
        ({"ts": START - 7 * DAY_S - 1}, 1),
        ({"segment": "unknown"}, 1),
        ({"user": "  "}, 1),
        ({"user": "\ufeff"}, 1),
        ({"event": "\u00a0"}, 1),
        ({"op": "remove"}, 1),
    ],
    ids=[
        "milliseconds",
        "negative",
        "of tomorrow",
        "more than seven days late",
        "unknown",
        "no user",
        "a mark alone",
        "no event",
        "remove",
    ],
)
def test_an_event_that_is_not_valid_does_not_count(landing, change, days):
    add(landing, 0, **{"ts": START, **change})
    assert live(landing, days) == {}


def test_a_segment_is_unknown_until_its_dimension_has_landed(landing):
    row = {"segment_id": "new", "group_id": "G", "valid_from": date(2023, 1, 1), "valid_to": None}
    land(landing, "segment_dim", date(2024, 1, 2), [row])
    for day in (0, 1):
        add(landing, day, START + day * DAY_S, segment="new", event=f"e{day}")
    assert live(landing, 2) == {"u": {"new": (START + DAY_S,) * 2}}


def test_an_event_seven_days_late_counts(landing):
    add(landing, 0, START - 7 * DAY_S)
    assert live(landing, 1) == {"u": {"s": (START - 7 * DAY_S,) * 2}}


def test_spaces_around_a_user_do_not_count_and_case_does(landing):
    for day, (user, ts) in enumerate([(" u ", START + 5), ("u", START + DAY_S), ("U", START + 2 * DAY_S)]):
        add(landing, day, ts, user, event=f"e{day}")
    assert live(landing, 3) == {"u": {"s": (START + 5, START + DAY_S)}, "U": {"s": (START + 2 * DAY_S,) * 2}}


@pytest.mark.parametrize("event", ["e ", "\u2003e", "e\ufeff"], ids=ascii)
def test_white_space_around_an_event_does_not_count(landing, event):
    rows = [
        {"event_id": name, "user_id": "u", "segment_id": "s", "ts": START + n} for n, name in enumerate(["e", event])
    ]
    land(landing, "segment_events", FIRST, rows)
    assert live(landing, 1) == {"u": {"s": (START, START)}}


def test_white_space_around_a_group_does_not_count_and_a_blank_one_is_none(landing):
    rows = [
        {"segment_id": name, "group_id": group, "valid_from": FIRST, "valid_to": None}
        for name, group in {"s": "G\u00a0", "t": " \t", "v": None}.items()
    ]
    land(landing, "segment_dim", date(2024, 1, 2), rows)
    assert sets.groups_on(landing, date(2024, 1, 2)) == {"s": "G", "t": sets.UNGROUPED, "v": sets.UNGROUPED}


def test_a_segment_is_live_for_thirty_days_to_the_second_and_a_later_add_starts_anew(landing):
    add(landing, 0, START)
    assert live(landing, 30) == {"u": {"s": (START, START)}}
    assert live(landing, 31) == {}
    late = START + 30 * DAY_S
    add(landing, 30, late, event="again")
    assert live(landing, 31) == {"u": {"s": (START, late)}}


def test_an_add_after_the_lapse_starts_a_new_first(landing):
    add(landing, 0, START)
    land(landing, "segment_events", date(2024, 2, 1),
         [{"event_id": "x", "user_id": "u", "segment_id": "s", "ts": START + 31 * DAY_S, "op": "add"}])  # fmt: skip
    assert live(landing, 32) == {"u": {"s": (START + 31 * DAY_S,) * 2}}


def test_a_segment_counts_for_the_group_that_it_has_on_the_day(tmp_path):
    entries = [("A", date(2023, 1, 1), date(2024, 1, 9)), ("B", date(2024, 1, 10), None)]
    rows = [{"segment_id": "s", "group_id": group, "valid_from": a, "valid_to": b} for group, a, b in entries]
    land(tmp_path, "segment_dim", FIRST, rows)
    assert sets.groups_on(tmp_path, date(2024, 1, 9)) == {"s": "A"}
    assert sets.groups_on(tmp_path, date(2024, 1, 10)) == {"s": "B"}


def test_counts_are_of_distinct_users_of_segment_group_and_pixel():
    segments = {"a": {"s": (1, 1), "t": (9, 9)}, "b": {"s": (9, 9)}, "c": {"t": (1, 1)}, "d": {"lone": (1, 1)}}
    pixels = {user: {"p": (5, 5)} for user in "abd"}
    found = sets.count(sets.State(segments, pixels), GROUPS)
    assert found == [
        sets.Counts("s", "G", "p", n_sp=1, n_sp_unordered=2, n_gp=1, n_s=2, n_g=3),
        sets.Counts("t", "G", "p", n_sp=0, n_sp_unordered=1, n_gp=1, n_s=2, n_g=3),
        sets.Counts("lone", sets.UNGROUPED, "p", n_sp=1, n_sp_unordered=1, n_gp=1, n_s=1, n_g=1),
    ]


@pytest.mark.parametrize(("pixels", "counted"), [(1_000, 1), (1_001, 0)])
def test_a_user_of_more_than_a_thousand_pixels_counts_nowhere(pixels, counted):
    state = sets.State({"u": {"s": (1, 1)}}, {"u": {f"p{n}": (5, 5) for n in range(pixels)}})
    assert len(sets.count(state, GROUPS)) == counted * pixels
