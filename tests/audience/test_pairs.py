"""Pairs: a segment before a pixel, counted over distinct users."""

from collections.abc import Iterable

import pyarrow as pa
import pytest

from spark_jobs.audience import pairs
from spark_jobs.audience.pairs import CAPPED, GROUP, GROUP_PIXEL, PIXEL, SEGMENT, SEGMENT_PIXEL, Caps, counted

CAPS = Caps(most_segments=5_000, most_pixels=1_000)
User = tuple[dict[str, int], dict[str, int]]

# The published example: three segments and three sites of one user, by their first instant.
WORKED: User = (
    {"11": 1486658209, "101": 1486658209, "123": 1486230978},
    {"457455": 1489355833, "1016015": 1489327086, "1017238": 1486658207},
)
SEVEN = {
    *(("11", "457455"), ("11", "1016015"), ("101", "457455"), ("101", "1016015")),
    *(("123", "457455"), ("123", "1016015"), ("123", "1017238")),
}


def batch(users: Iterable[User]) -> pa.RecordBatch:
    """Users as (first add by segment, first visit by pixel)."""
    rows = [
        {
            "segment_ids": list(segments),
            "segment_firsts": list(segments.values()),
            "pixel_ids": list(pixels),
            "pixel_firsts": list(pixels.values()),
        }
        for segments, pixels in users
    ]
    texts, instants = pa.list_(pa.string()), pa.list_(pa.int64())
    kinds = {"segment_ids": texts, "segment_firsts": instants, "pixel_ids": texts, "pixel_firsts": instants}
    return pa.RecordBatch.from_pylist(rows, schema=pa.schema(list(kinds.items())))


def counts(
    *batches: pa.RecordBatch, groups: dict[str, str] | None = None
) -> dict[str, dict[tuple[str | None, str | None], tuple[int, int]]]:
    """By kind: (segment or group, pixel) -> users in order and in any order."""
    found: dict[str, dict[tuple[str | None, str | None], tuple[int, int]]] = {}
    for told in counted(batches, groups or {}, CAPS):
        for row in told.to_pylist():
            key = (row["whole"], row["pixel_id"])
            found.setdefault(row["what"], {})[key] = (row["users"], row["users_any_order"])
    return found


def in_order(found: dict[tuple[str | None, str | None], tuple[int, int]]) -> dict[tuple[str | None, str | None], int]:
    return {key: users for key, (users, _) in found.items() if users}


def test_the_worked_example_gives_exactly_its_seven_pairs() -> None:
    assert in_order(counts(batch([WORKED]))[SEGMENT_PIXEL]) == dict.fromkeys(SEVEN, 1)


def test_equal_instants_are_no_pair() -> None:
    found = counts(batch([({"s": 5}, {"p": 5})]))[SEGMENT_PIXEL]
    assert found == {("s", "p"): (0, 1)}


def test_a_user_counts_once_for_a_group_whatever_many_of_its_segments_they_are_in() -> None:
    users = [({"a": 1, "b": 2}, {"p": 9}), ({"a": 9, "b": 3}, {"p": 5}), ({"a": 7}, {"p": 6})]
    found = counts(batch(users), groups={"a": "G", "b": "G"})
    assert in_order(found[SEGMENT_PIXEL]) == {("a", "p"): 1, ("b", "p"): 2}
    assert in_order(found[GROUP_PIXEL]) == {("G", "p"): 2}
    assert in_order(found[GROUP]) == {("G", None): 3}
    assert in_order(found[SEGMENT]) == {("a", None): 3, ("b", None): 2}


def test_a_segment_without_a_group_counts_as_ungrouped() -> None:
    assert in_order(counts(batch([({"a": 1}, {"p": 2})]))[GROUP_PIXEL]) == {("ungrouped", "p"): 1}


def test_users_without_pixels_or_segments_count_where_they_are() -> None:
    found = counts(batch([({"a": 1}, {}), ({}, {"p": 1})]))
    assert in_order(found[SEGMENT]) == {("a", None): 1}
    assert in_order(found[PIXEL]) == {(None, "p"): 1}
    assert SEGMENT_PIXEL not in found


def test_counts_of_batches_add_up_in_one_row_a_cell() -> None:
    many = batch([({"a": 1}, {"p": 2})] * 3)
    assert in_order(counts(many, many, groups={"a": "G"})[SEGMENT_PIXEL]) == {("a", "p"): 6}


def test_all_users_in_one_segment_are_counted_in_portions(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pairs, "_AT_ONCE", 7)
    users = [({"everyone": 1}, {f"p{n % 3}": 2, "q": 1}) for n in range(50)]
    found = counts(batch(users))[SEGMENT_PIXEL]
    assert in_order(found) == {("everyone", "p0"): 17, ("everyone", "p1"): 17, ("everyone", "p2"): 16}
    assert found["everyone", "q"] == (0, 50)


def test_a_user_with_fifty_thousand_pixels_is_a_bot_left_out_and_counted() -> None:
    bot = ({"a": 1}, {f"p{n}": 2 for n in range(50_000)})
    found = counts(batch([bot, ({"a": 1}, {"p0": 2})]))
    assert in_order(found[SEGMENT_PIXEL]) == {("a", "p0"): 1}
    assert in_order(found[SEGMENT]) == {("a", None): 1}
    assert found[CAPPED] == {(None, None): (1, 1)}


def test_a_user_in_more_segments_than_the_cap_is_a_bot_left_out_and_counted() -> None:
    bot = ({f"s{n}": 1 for n in range(CAPS.most_segments + 1)}, {"p": 2})
    found = counts(batch([bot, ({"s0": 1}, {"p": 2})]))
    assert in_order(found[SEGMENT_PIXEL]) == {("s0", "p"): 1}
    assert in_order(found[PIXEL]) == {(None, "p"): 1}
    assert found[CAPPED] == {(None, None): (1, 1)}


def test_a_user_at_the_caps_is_no_bot() -> None:
    caps = Caps(most_segments=2, most_pixels=1)
    (capped,) = list(counted([batch([({"a": 1, "b": 1}, {"p": 2})])], {}, caps))[-1].to_pylist()
    assert capped["users"] == 0


def test_no_users_give_no_counts() -> None:
    assert counts(batch([])) == {CAPPED: {(None, None): (0, 0)}}
