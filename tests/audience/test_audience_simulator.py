"""The simulated world of audience: repeatable, within its contracts, and with what it says that it planted."""

import hashlib
import json
from datetime import date, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pytest

import expectations.audience as contracts
from simulators.audience.events import Sampler
from simulators.audience.model import draw_model
from simulators.audience.preset import SMALL, Settings
from tests.audience.simulated import DAY_S, FIRST, START, landed, planted, truth, world

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

ADDS, VISITS = "segment_events", "pixel_events"
ITEM = {ADDS: "segment_id", VISITS: "pixel_id"}
DUPLICATES, LATE, TIES, REJOINS = 0.01, 0.002, 0.005, 0.01


def files(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture(scope="module")
def noisy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return world(tmp_path_factory.mktemp("noisy"))


@pytest.fixture(scope="module")
def clean(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return world(tmp_path_factory.mktemp("clean"), "--noise", "0")


@pytest.fixture(scope="module")
def long(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Days enough for memberships to lapse, pixels enough for bots."""
    return world(tmp_path_factory.mktemp("long"), "--days", "70", "--pixels", "1200", users=1_000)


def test_the_same_seed_gives_the_same_bytes_and_another_does_not(tmp_path, noisy):
    again, other = files(world(tmp_path / "same")), files(world(tmp_path / "other", seed=2))
    assert again == files(noisy)
    assert set(again) == set(other)
    same = {name.split("/")[1] for name in again if again[name] == other[name]}
    assert same == {"landing.json", "pixel_dim"}


def test_every_day_has_a_file_of_events_and_the_first_one_the_dimensions(noisy):
    tables = {ADDS, VISITS, "segment_dim", "pixel_dim"}
    assert json.loads((noisy / "landing" / "landing.json").read_text()) == {"tables": sorted(tables)}
    days = {str(FIRST + timedelta(days=day)) for day in range(30)}
    for name in tables:
        found = {path.parent.name for path in (noisy / "landing" / name).glob("*/*.parquet")}
        assert found == (days if name in ITEM else {str(FIRST)})


@pytest.mark.parametrize("contract", contracts.LANDING, ids=lambda contract: contract.name)
def test_a_file_has_the_columns_of_its_contract_and_the_rows_of_its_manifest(noisy, contract):
    for path in (noisy / "landing" / contract.name).glob("*/*.parquet"):
        rows = pd.read_parquet(path)
        assert tuple(rows) == contract.column_names
        manifest = json.loads(path.with_name(path.name + ".manifest.json").read_text())
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        assert manifest == {"rows": len(rows), "sha256": digest, "time_zone": "UTC"}


def test_a_day_without_any_event_has_a_file_without_rows(tmp_path):
    lonely = world(tmp_path, "--noise", "0", "--adds", "0.1", "--visits", "0.1", users=10)
    counts = [len(pd.read_parquet(path)) for path in (lonely / "landing" / ADDS).glob("*/*.parquet")]
    assert len(counts) == 30 and 0 in counts


def test_the_options_set_users_segments_groups_pixels_days_and_the_first_day(tmp_path):
    options = {"segments": "5", "groups": "2", "pixels": "3", "days": "4", "first-day": "2024-02-27"}
    small = world(tmp_path, "--noise", "0", *(text for name, value in options.items() for text in (f"--{name}", value)))
    segments = landed(small, "segment_dim")
    assert len(segments) == 5 and set(segments.group_id) == {"G000", "G001"}
    assert len(landed(small, "pixel_dim")) == 3
    adds = landed(small, ADDS)
    assert adds.user_id.nunique() <= 2_000 and adds.user_id.max() > "U0001900"
    assert set(adds.arrived + (FIRST - date(2024, 2, 27)).days) == {0, 1, 2, 3}


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (("--groups", "41"), "41 groups need at least as many segments"),
        (("--visits", "9"), "one visit at most"),
        (("--segments", "100000", "--pixels", "1000"), "more than 20,000,000 pairs"),
    ],
)
def test_a_world_that_cannot_be_is_refused(tmp_path, options, sentence):
    with pytest.raises(ValueError, match=sentence):
        world(tmp_path, *options)


# -- shapes


def test_adds_and_visits_are_as_many_as_told_and_popularity_falls_as_the_rank(clean):
    adds, visits = landed(clean, ADDS), landed(clean, VISITS)
    assert len(adds) / 2_000 == pytest.approx(SMALL.adds, rel=0.05)
    assert len(visits) / 2_000 == pytest.approx(SMALL.visits, rel=0.05)
    for ids, most, exponent in ((adds.segment_id, SMALL.segments, 1.0), (visits.pixel_id, SMALL.pixels, 1.1)):
        weights = np.arange(1.0, most + 1) ** -exponent
        popular = ids.str[1:].astype(int) < 10
        assert popular.mean() == pytest.approx(weights[:10].sum() / weights.sum(), abs=0.05)
    assert np.histogram(adds.ts, 10)[0] == pytest.approx(np.full(10, len(adds) / 10), rel=0.1)


def test_seven_visits_in_ten_come_after_the_add_that_led_to_them():
    preset = SMALL
    settings = Settings(1, 0, preset.segments, preset.groups, preset.pixels, 30, preset.adds, preset.visits)
    adds, visits, cause = Sampler(draw_model(settings)).draw(np.random.default_rng(1), 10_000)
    assert (visits.user == adds.user[cause]).all()
    after = visits.ts > adds.ts[cause]
    assert after.mean() == pytest.approx(0.7, abs=0.01)
    assert (visits.ts != adds.ts[cause]).all()


def test_in_a_long_run_memberships_stay_live_to_the_end_unless_they_were_planted_to_lapse(long):
    adds = landed(long, ADDS)
    valid = adds[adds.ts.between(START, START + 70 * DAY_S) & (adds.segment_id != "S-unknown") & (adds.op == "add")]
    state = truth(long, "gt_state").query("kind == 'segment'").set_index(["user_id", "id"])
    first = valid.assign(user_id=valid.user_id.str.strip()).groupby(["user_id", "segment_id"]).ts.min()
    again = planted(long, "rejoin", ADDS).drop_duplicates("event_id").set_index(["user_id", "segment_id"]).ts
    assert len(again) > 0
    kept = first.index.difference(again.index)
    # A stray copy of another day may be the only event of its user and segment.
    assert kept.isin(state.index).mean() > 0.999
    joint = kept.intersection(state.index)
    assert (state["min"][joint] == first[joint]).mean() > 0.999
    assert (state["min"][again.index] == again).all() and (again > first[again.index] + 30 * DAY_S).all()


# -- noise


def test_without_noise_every_event_is_on_time_known_and_there_once(clean):
    for name, item in ITEM.items():
        rows, known = landed(clean, name), landed(clean, item.replace("_id", "_dim"))
        assert rows.event_id.is_unique
        assert ((rows.ts - START) // DAY_S == rows.arrived).all()
        assert rows[item].isin(known[item]).all()
        assert rows.user_id.str.fullmatch(r"U\d{7}").all()
    assert truth(clean, "gt_planted").empty
    assert landed(clean, "segment_dim").segment_id.is_unique


@pytest.mark.parametrize("name", [ADDS, VISITS])
def test_shares_of_duplicates_late_events_and_ties_are_the_planned_ones(noisy, name):
    rows = landed(noisy, name)
    kinds = truth(noisy, "gt_planted").query("table == @name").kind.value_counts() / rows.event_id.nunique()
    spread = 4 / np.sqrt(len(rows))
    assert kinds["duplicate"] == pytest.approx(DUPLICATES, abs=np.sqrt(DUPLICATES) * spread)
    assert kinds["late"] == pytest.approx(LATE, abs=np.sqrt(LATE) * spread)
    assert (
        rows.event_id.duplicated().sum()
        == (truth(noisy, "gt_planted").query("table == @name").kind == "duplicate").sum()
    )
    late = planted(noisy, "late", name)
    assert (late.arrived - (late.ts - START) // DAY_S).between(1, 6).all()
    if name == VISITS:
        assert kinds["tie"] == pytest.approx(TIES, rel=0.05)


def test_a_planted_tie_is_a_first_visit_in_the_second_of_a_first_add(noisy):
    state, ties = truth(noisy, "gt_state"), planted(noisy, "tie", VISITS)
    pixels = state[state.kind == "pixel"].set_index(["user_id", "id"])["min"]
    segments = state[state.kind == "segment"].groupby("user_id")["min"].agg(set)
    assert len(ties) > 0
    for row in ties.itertuples():
        assert pixels[row.user_id.strip(), row.pixel_id] == row.ts
        assert row.ts in segments[row.user_id.strip()]


@pytest.mark.parametrize("name", [ADDS, VISITS])
def test_three_of_each_oddity_have_landed_as_they_are_named(noisy, name):
    odd = {kind: planted(noisy, kind, name) for kind in set(truth(noisy, "gt_planted").query("table == @name").kind)}
    assert (odd["milliseconds"].ts > 1e11).all() and (odd["negative"].ts < 0).all()
    assert set(odd["unknown_id"][ITEM[name]]) == {"S-unknown" if name == ADDS else "P-unknown"}
    day_of = {kind: (odd[kind].ts - START) // DAY_S - odd[kind].arrived for kind in ("too_late", "future")}
    assert (day_of["too_late"] == -9).all() and (day_of["future"] == 2).all()
    assert odd["spaces"].user_id.str.fullmatch(r" U\d{7}  ").all()
    assert odd["other_case"].user_id.str.fullmatch(r"u\d{7}").all()
    assert all(odd[kind].event_id.nunique() == 3 for kind in set(odd) - {"duplicate", "late", "tie"})
    if name == ADDS:
        assert set(odd["remove"].op) == {"remove"}


def test_bots_have_more_than_a_thousand_pixels_and_one_user_in_a_thousand_is_one(tmp_path, long):
    many = world(tmp_path, "--pixels", "1200", "--noise", "10", "--adds", "1", "--visits", "1", users=3_000)
    for folder, least, most in ((long, 1, 6), (many, 12, 55)):
        named = truth(folder, "gt_planted").query("kind == 'bot'").id
        seen = truth(folder, "gt_state").query("kind == 'pixel'").groupby("user_id").id.nunique()
        assert set(seen[seen > 1000].index) == set(named)
        assert least <= len(named) <= most


def test_three_segments_change_group_in_the_middle_and_some_have_none(noisy, long):
    moved = truth(noisy, "gt_planted").query("kind == 'moved'").id
    entries = landed(noisy, "segment_dim").sort_values("valid_from").groupby("segment_id")
    assert set(entries.filter(lambda rows: len(rows) == 2).segment_id) == set(moved) and len(moved) == 3
    for name in moved:
        before, after = entries.get_group(name).itertuples()
        assert before.group_id != after.group_id
        assert before.valid_to + timedelta(days=1) == after.valid_from == FIRST + timedelta(days=15)
    assert landed(noisy, "segment_dim").group_id.isna().sum() == 1


# -- truth


def test_counts_of_the_truth_fit_together(noisy):
    counts = truth(noisy, "gt_counts")
    assert len(counts) > 2_000 and (counts.n_gp > 0).all()
    assert (counts.n_sp <= counts.n_gp).all() and (counts.n_gp <= counts.n_g).all()
    assert (counts.n_sp <= counts.n_s).all() and (counts.n_s <= counts.n_g).all()
    assert (counts.n_sp <= counts.n_sp_unordered).all()
    groups = counts.groupby(["group_id", "pixel_id"])
    assert (groups.n_sp.sum() >= groups.n_gp.first()).all()
    assert (groups.n_s.sum() >= groups.n_g.first()).all()
    assert "ungrouped" in set(counts.group_id)
    state = truth(noisy, "gt_state")
    assert (state["min"] <= state["max"]).all() and not state.duplicated(["user_id", "kind", "id"]).any()


def test_more_than_twenty_thousand_users_are_not_counted(tmp_path):
    large = world(tmp_path, "--adds", "0.2", "--visits", "0.1", users=20_001)
    assert {path.name for path in (large / "truth").iterdir()} == {"gt_lift.parquet", "gt_planted.parquet"}


def broken(spark: "SparkSession", folder: Path, name: str) -> pd.DataFrame:
    """Rows that break a row rule of their contract, with its name."""
    from pyspark.sql import functions as F

    contract = next(table for table in contracts.LANDING if table.name == name)
    rows = spark.read.parquet(str(folder / "landing" / name / "*" / "*.parquet"))
    rows = rows.withColumn("rule", F.expr(contract.first_broken_rule_sql()))
    assert rows.count() > 0
    return rows.filter("rule IS NOT NULL").toPandas()


@pytest.mark.spark
@pytest.mark.parametrize("name", [table.name for table in contracts.LANDING])
def test_exactly_the_planted_milliseconds_and_negative_times_break_a_rule(spark, clean, noisy, name):
    assert broken(spark, clean, name).empty
    found = broken(spark, noisy, name)
    wrong = truth(noisy, "gt_planted").query("table == @name and kind in ('milliseconds', 'negative')")
    assert set(found.get("event_id", [])) == set(wrong.event_id)
    assert set(found.rule) == ({"ts:minimum", "seconds_not_milliseconds"} if name in ITEM else set())
