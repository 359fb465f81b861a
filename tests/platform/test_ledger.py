"""The ledger: whose window it is, who may write, what was proven, and what may be seen. PostgreSQL, no Spark."""

import itertools
import os
import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import create_engine, inspect, text

from platform_local.postgres import Cluster
from spark_jobs.common.ledger import Attempt, LeaseHeld, Ledger, Receipt, Run
from spark_jobs.common.ledger.leases import LEASE_SECONDS
from spark_jobs.common.ledger.schema import metadata
from spark_jobs.common.ledger.verdicts import judge
from spark_jobs.common.outcome import Blocked, Settled
from spark_jobs.common.window import Window

SIX = datetime(2024, 3, 12, 6, tzinfo=UTC)
_names = itertools.count()


def at(start_min: float, end_min: float) -> Window:
    """A window in minutes from six o'clock."""
    return Window(SIX + timedelta(minutes=start_min), SIX + timedelta(minutes=end_min))


def passing(table: str = "lake.p.t", snapshot: int = 1, **more: Any) -> dict[str, Any]:
    """A receipt's document whose one rule holds."""
    rule = {"table": table, "rule": "r", "sentence": "All is well.", "severity": "critical", "success": True}
    entry = {"snapshot": snapshot, "audited": True, "scope": f"s{snapshot}"}
    return {"tables": {table: entry}, "rules": [rule | {"observed": "1", "exception": None}], "inputs": [], **more}


class Office:
    """One pipeline's ledger."""

    def __init__(self, ledger: Ledger) -> None:
        self.ledger, self.pipeline = ledger, f"office{next(_names)}"

    def open(
        self, name: str, interval: Window | None = None, explicit: Window | None = None, cadence: str = "live"
    ) -> Run:
        return self.ledger.open_run(self.pipeline, cadence, f"{self.pipeline}/{name}", interval, explicit)

    def release(self, run: Run, snapshots: dict[str, int] | None = None) -> Any:
        """Release a run and end it."""
        released = self.ledger.write_release(self.ledger.begin(run, "release"), snapshots or {"lake.p.t": 1})
        self.ledger.close_run(run.run_key)
        return released

    def released(self, name: str, window: Window, cadence: str = "live") -> Run:
        run = self.open(name, explicit=window, cadence=cadence)
        self.release(run)
        return run

    def prove(self, run: Run, stage: str = "clean", document: dict[str, Any] | None = None) -> int:
        attempt = self.ledger.begin(run, stage)
        return self.ledger.write_receipt(attempt, document or passing())

    def expire_lease(self) -> None:
        """Let the lease run out, by the clock that it goes by."""
        with create_engine(os.environ["SIGNALBOX_LEDGER_URL"]).begin() as connection:
            passed = "UPDATE lease SET expires_at = now() - interval '1 second' WHERE pipeline = :p"
            assert connection.execute(text(passed), {"p": self.pipeline}).rowcount == 1


@pytest.fixture
def office(ledger: Ledger) -> Office:
    return Office(ledger)


# -- windows ---------------------------------------------------------------------------------------------------


def test_the_first_live_run_answers_for_its_data_interval(office: Office) -> None:
    assert office.open("a", at(0, 5)).window == at(0, 5)


@pytest.mark.parametrize(
    ("interval", "window"),
    [
        (at(5, 10), at(5, 10)),
        (at(10, 15), at(5, 15)),
        (at(60, 65), at(5, 65)),
        (at(120, 125), at(5, 125)),
        (at(300, 305), at(5, 125)),
        (at(3, 8), at(5, 8)),
    ],
    ids=["next", "one was missed", "an hour was missed", "two hours", "no more than two hours", "an overlap is cut"],
)
def test_a_live_run_takes_over_where_the_newest_released_one_ended(
    office: Office, interval: Window, window: Window
) -> None:
    office.released("old", at(0, 5))
    assert office.open("new", interval).window == window


def test_a_run_that_never_released_leaves_its_window_to_the_next(office: Office) -> None:
    office.released("old", at(0, 5))
    office.open("failed", at(5, 10))
    assert office.open("next", at(10, 15)).window == at(5, 15)


def test_the_first_attempt_fixes_the_window(office: Office) -> None:
    office.released("old", at(0, 5))
    first = office.open("run", at(5, 10))
    assert office.open("run", at(20, 25)) == first
    assert office.open("run", None) == first
    assert office.open("run", None, explicit=at(7, 9)) == first


def test_a_live_window_that_is_released_is_settled_with_a_sentence(office: Office) -> None:
    run = office.open("run", at(0, 5))
    office.release(run)
    with pytest.raises(Settled) as cleared:
        office.open("run", at(0, 5))
    assert str(cleared.value) == (
        "The live window [2024-03-12 06:00:00Z, 2024-03-12 06:05:00Z) lies before the end of the newest released one, "
        "[2024-03-12 06:00:00Z, 2024-03-12 06:05:00Z); nothing to do. "
        "A closed day is rebuilt by the nightly DAG, an older live window only in a private lake."
    )
    with pytest.raises(Settled, match=r"up to 2024-03-12 06:05Z is released already; the newest released one is \["):
        office.open("late", at(0, 5))


def test_a_live_run_overtaken_by_a_coalesced_one_is_settled(office: Office) -> None:
    office.open("slow", at(0, 5))
    office.release(office.open("fast", at(0, 10)))
    with pytest.raises(Settled, match="nothing to do"):
        office.open("slow", at(0, 5))


@pytest.mark.parametrize(
    ("explicit", "allowed"),
    [
        (at(5, 10), True),
        (at(0, 5), False),
        (at(5, 9), False),
        (at(4, 11), False),
        (at(10, 15), True),
        (at(30, 40), True),
    ],
    ids=["the newest", "an older one", "a part of it", "more than it", "the next", "one to come"],
)
def test_explicit_times_rebuild_the_newest_live_window_only(office: Office, explicit: Window, allowed: bool) -> None:
    office.released("a", at(0, 5))
    office.released("b", at(5, 10))
    if allowed:
        assert office.open("again", None, explicit).window == explicit
    else:
        with pytest.raises(Settled, match="lies before the end of the newest released one"):
            office.open("again", None, explicit)


def test_an_explicit_rebuild_is_settled_once_a_later_window_is_out(office: Office) -> None:
    office.released("a", at(0, 5))
    rebuild = office.open("again", None, at(0, 5))
    office.released("b", at(5, 10))
    with pytest.raises(Settled):
        office.open("again", None, at(0, 5))
    with pytest.raises(Settled):
        office.ledger.require_unreleased(rebuild)


def test_nightly_windows_are_taken_as_given_and_may_be_repeated(office: Office) -> None:
    run = office.open("night", at(0, 1440), cadence="nightly")
    office.release(run)
    assert (run.tier, run.window) == ("settled", at(0, 1440))
    assert office.open("night", at(0, 1440), cadence="nightly") == run
    assert office.open("again", at(0, 1440), cadence="nightly").window == at(0, 1440)


def test_the_tiers_do_not_know_each_others_windows(office: Office) -> None:
    office.released("night", at(0, 1440), cadence="nightly")
    assert office.open("live", at(0, 5)).window == at(0, 5)


def test_a_run_without_any_times_is_refused(office: Office) -> None:
    with pytest.raises(ValueError, match="no data interval: give both window_start and window_end"):
        office.open("manual")


# -- leases ----------------------------------------------------------------------------------------------------


def test_a_second_run_is_refused_while_the_first_one_writes(office: Office) -> None:
    first, second = office.open("a", at(0, 5)), office.open("b", at(0, 10))
    office.ledger.begin(first, "clean")
    with pytest.raises(LeaseHeld, match=rf"Run {first.run_key} writes the live tier of {office.pipeline} until "):
        office.ledger.begin(second, "clean")


def test_the_stages_of_one_run_share_its_lease(office: Office) -> None:
    run = office.open("a", at(0, 5))
    one, other = office.ledger.begin(run, "clean"), office.ledger.begin(run, "totals")
    assert one.token == other.token
    office.ledger.require_current(one)
    office.ledger.require_current(other)


def test_the_tiers_write_side_by_side(office: Office) -> None:
    live = office.ledger.begin(office.open("live", at(0, 5)), "clean")
    night = office.ledger.begin(office.open("night", at(0, 1440), cadence="nightly"), "clean")
    assert office.ledger.renew(live) and office.ledger.renew(night)


def test_a_run_that_ends_gives_its_lease_back(office: Office) -> None:
    first, second = office.open("a", at(0, 5)), office.open("b", at(0, 10))
    attempt = office.ledger.begin(first, "clean")
    office.ledger.close_run(first.run_key)
    assert office.ledger.begin(second, "clean").token > attempt.token


def test_what_a_run_left_behind_cannot_renew_the_lease_it_gave_back(office: Office) -> None:
    run = office.open("a", at(0, 5))
    left_behind = office.ledger.begin(run, "clean")
    office.ledger.close_run(run.run_key)
    assert not office.ledger.renew(left_behind)
    with pytest.raises(Settled):
        office.ledger.require_current(left_behind)
    assert office.ledger.begin(run, "clean").token > left_behind.token


def test_an_expired_lease_is_taken_over_under_a_new_token(office: Office) -> None:
    first, second = office.open("a", at(0, 5)), office.open("b", at(0, 10))
    slept = office.ledger.begin(first, "clean")
    office.expire_lease()
    successor = office.ledger.begin(second, "clean")
    assert successor.token > slept.token
    assert not office.ledger.renew(slept)
    assert office.ledger.renew(successor)


def test_an_expired_lease_that_nobody_took_is_still_its_holders(office: Office) -> None:
    run = office.open("a", at(0, 5))
    one, other = office.ledger.begin(run, "clean"), office.ledger.begin(run, "other")
    office.expire_lease()
    office.ledger.require_current(one)
    with pytest.raises(LeaseHeld):
        office.ledger.begin(office.open("b", at(0, 10)), "clean")
    office.expire_lease()
    office.ledger.begin(run, "totals")
    office.ledger.require_current(other)


def test_renewing_pushes_the_expiry_on(office: Office) -> None:
    attempt = office.ledger.begin(office.open("a", at(0, 5)), "clean")
    office.expire_lease()
    assert office.ledger.renew(attempt)
    query = text("SELECT extract(epoch FROM expires_at - now()) FROM lease WHERE pipeline = :p")
    with create_engine(os.environ["SIGNALBOX_LEDGER_URL"]).begin() as connection:
        left_s = connection.execute(query, {"p": office.pipeline}).scalar_one()
    assert LEASE_SECONDS - 5 < left_s <= LEASE_SECONDS


def test_of_two_runs_that_start_together_one_gets_the_lease(office: Office) -> None:
    runs = [office.open(f"run{n}", at(0, 5 + n)) for n in range(6)]
    got = race([lambda run=run: office.ledger.begin(run, "clean") for run in runs])
    assert sorted(type(outcome).__name__ for outcome in got) == ["Attempt"] + ["LeaseHeld"] * 5


def test_of_two_attempts_that_start_together_the_later_one_may_publish(office: Office) -> None:
    run = office.open("a", at(0, 5))
    attempts: list[Attempt] = race([lambda: office.ledger.begin(run, "clean")] * 4)
    assert sorted(attempt.number for attempt in attempts) == [1, 2, 3, 4]
    written = race([lambda a=attempt: office.ledger.write_receipt(a, passing()) for attempt in attempts])
    newest = max(attempts, key=lambda attempt: attempt.attempt_id)
    assert [isinstance(outcome, int) for outcome in written] == [attempt is newest for attempt in attempts]
    found = office.ledger.receipt(run.run_key, "clean")
    assert found is not None
    assert found.attempt_id == newest.attempt_id


def race(calls: list[Callable[[], Any]]) -> list[Any]:
    """Each call in a thread of its own, released by one barrier; what it returned or raised, in order."""
    barrier, outcomes = threading.Barrier(len(calls)), [None] * len(calls)

    def run(place: int, call: Callable[[], Any]) -> None:
        barrier.wait()
        try:
            outcomes[place] = call()
        except (LeaseHeld, Settled) as refused:
            outcomes[place] = refused  # type: ignore[call-overload]

    threads = [threading.Thread(target=run, args=pair) for pair in enumerate(calls)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return outcomes


@pytest.mark.parametrize("superseded_by", ["a newer attempt", "another run", "the end of its run"])
def test_an_attempt_that_was_superseded_cannot_publish(office: Office, superseded_by: str) -> None:
    run, other = office.open("a", at(0, 5)), office.open("b", at(0, 10))
    build, release = office.ledger.begin(run, "clean"), office.ledger.begin(run, "release")
    if superseded_by == "a newer attempt":
        office.ledger.begin(run, "clean")
        office.ledger.begin(run, "release")
    elif superseded_by == "another run":
        office.expire_lease()
        office.ledger.begin(other, "clean")
    else:
        office.ledger.close_run(run.run_key)
    sentence = r"Attempt 1 at {} was superseded: .* It changes nothing\."
    with pytest.raises(Settled, match=sentence.format("clean")):
        office.ledger.require_current(build)
    with pytest.raises(Settled, match=sentence.format("clean")):
        office.ledger.write_receipt(build, passing())
    with pytest.raises(Settled, match=sentence.format("release")):
        office.ledger.write_release(release, {"lake.p.t": 1})
    assert office.ledger.receipts(run.run_key, also_superseded=True) == []
    assert office.ledger.releases(office.pipeline, "live") == []


# -- verdicts --------------------------------------------------------------------------------------------------

BROKEN = {"rule": "limit", "sentence": "No total exceeds 5.", "success": False, "observed": "7"}
CASES: list[tuple[str, list[dict[str, Any]], str, str]] = [
    ("all rules hold", [{}], "pass", "Stage clean: all 1 rules hold."),
    ("no rules at all", [], "block", "Stage clean: no rule was evaluated for lake.p.t."),
    ("rules about another table", [{"table": "lake.p.u"}], "block", "Stage clean: no rule was evaluated for lake.p.t."),
    (
        "a critical rule is broken",
        [{}, BROKEN],
        "block",
        "Stage clean, table lake.p.t, rule limit: broken is «No total exceeds 5.» Observed: 7.",
    ),
    (
        "two are broken, the critical one is told",
        [BROKEN | {"severity": "warning", "rule": "w"}, BROKEN, BROKEN | {"rule": "second"}],
        "block",
        "Stage clean, table lake.p.t, rule limit: broken is «No total exceeds 5.» Observed: 7. (1 more rules broken.)",
    ),
    (
        "a warning",
        [{}, BROKEN | {"severity": "warning"}],
        "warn",
        "Stage clean, table lake.p.t, rule limit: broken is «No total exceeds 5.» Observed: 7.",
    ),
    ("an info", [BROKEN | {"severity": "info"}], "pass", "Stage clean: all 1 rules hold."),
    (
        "a rule that raised blocks, whatever its severity",
        [BROKEN | {"severity": "warning", "exception": "no such column"}],
        "block",
        "Stage clean, table lake.p.t, rule limit: broken is «No total exceeds 5.» "
        "The rule could not be evaluated: no such column",
    ),
]


@pytest.mark.parametrize(
    ("changes", "status", "sentence"), [case[1:] for case in CASES], ids=[case[0] for case in CASES]
)
def test_a_receipt_is_judged_by_its_rules(changes: list[dict[str, Any]], status: str, sentence: str) -> None:
    document = passing()
    document["rules"] = [document["rules"][0] | change for change in changes]
    verdict = judge("clean", Receipt(1, 1, "run", "clean", document))
    assert (verdict.status, verdict.sentence) == (status, sentence)
    assert verdict.passed == (status != "block")


def test_a_missing_receipt_blocks(office: Office) -> None:
    run = office.open("a", at(0, 5))
    verdict = office.ledger.checkpoint(run.run_key, "clean")
    assert verdict.status == "block"
    assert verdict.sentence == (
        "Stage clean has no receipt for its newest attempt: nothing proves its rows. Run the stage again."
    )


def test_a_receipt_of_an_attempt_before_the_newest_one_proves_nothing(office: Office) -> None:
    run = office.open("a", at(0, 5))
    office.prove(run)
    assert office.ledger.checkpoint(run.run_key, "clean").passed
    office.ledger.begin(run, "clean")
    assert not office.ledger.checkpoint(run.run_key, "clean").passed
    with pytest.raises(Blocked, match="Stage clean has no receipt for its newest attempt in this run"):
        office.ledger.require_passed(run.run_key, ("clean",))


def test_a_run_of_which_nothing_was_built_is_blocked(office: Office) -> None:
    nobody = f"{office.pipeline}/nobody"
    assert office.ledger.checkpoint(nobody, "clean").status == "block"
    with pytest.raises(Blocked, match=rf"The ledger knows no run {nobody}: none of its stages was built"):
        office.ledger.run(nobody)


def test_marking_a_checkpoint_successful_by_hand_publishes_nothing(office: Office) -> None:
    run = office.open("a", at(0, 5))
    office.prove(run)
    with pytest.raises(Blocked, match=r"The checkpoint of clean did not pass. .* has not judged the newest receipt\."):
        office.ledger.require_passed(run.run_key, ("clean",))


def test_marking_a_build_successful_by_hand_publishes_nothing(office: Office) -> None:
    run = office.open("a", at(0, 5))
    with pytest.raises(Blocked, match="Stage clean has no receipt"):
        office.ledger.require_passed(run.run_key, ("clean",))


def test_a_verdict_about_an_older_receipt_does_not_count(office: Office) -> None:
    run = office.open("a", at(0, 5))
    office.prove(run)
    office.ledger.checkpoint(run.run_key, "clean")
    office.prove(run)
    with pytest.raises(Blocked, match="has not judged the newest receipt"):
        office.ledger.require_passed(run.run_key, ("clean",))


def test_every_stage_must_have_passed(office: Office) -> None:
    run = office.open("a", at(0, 5))
    bad = passing(snapshot=2)
    bad["rules"][0]["success"] = False
    first, _ = office.prove(run, "clean"), office.prove(run, "totals", bad)
    for stage in ("clean", "totals"):
        office.ledger.checkpoint(run.run_key, stage)
    assert office.ledger.require_passed(run.run_key, ("clean",))["clean"].receipt_id == first
    with pytest.raises(
        Blocked, match=r"The checkpoint of totals did not pass\. Stage totals, table lake\.p\.t, rule r: broken is"
    ):
        office.ledger.require_passed(run.run_key, ("clean", "totals"))


@pytest.mark.parametrize(("admin", "reason"), [("", "because"), ("  ", "because"), ("ada", ""), ("ada", "\n")])
def test_an_override_needs_an_admin_and_a_reason(office: Office, admin: str, reason: str) -> None:
    run = office.open("a", at(0, 5))
    office.prove(run)
    with pytest.raises(ValueError, match="needs the admin's name and a reason"):
        office.ledger.override(run.run_key, "clean", admin, reason)


def test_an_override_lets_one_blocked_receipt_through_and_no_other(office: Office) -> None:
    run = office.open("a", at(0, 5))
    with pytest.raises(ValueError, match="has no receipt: there is nothing to override"):
        office.ledger.override(run.run_key, "clean", "ada", "known fault")
    bad = passing()
    bad["rules"][0]["success"] = False
    blocked = office.prove(run, document=bad)
    office.ledger.checkpoint(run.run_key, "clean")
    office.ledger.override(run.run_key, "clean", "ada", "known fault")
    assert office.ledger.require_passed(run.run_key, ("clean",))["clean"].receipt_id == blocked
    office.prove(run, document=bad)
    office.ledger.checkpoint(run.run_key, "clean")
    with pytest.raises(Blocked):
        office.ledger.require_passed(run.run_key, ("clean",))


def test_a_receipt_with_nul_and_nan_can_be_kept(office: Office) -> None:
    run = office.open("a", at(0, 5))
    office.prove(run, document=passing(odd=["a\0b", float("nan"), float("inf"), "\\u0000", 2**63], more={"k\0": 1.5}))
    kept = office.ledger.receipt(run.run_key, "clean")
    assert kept is not None
    assert kept.document["odd"] == ["a\N{REPLACEMENT CHARACTER}b", "nan", "inf", "\\u0000", 2**63]
    assert kept.document["more"] == {"k\N{REPLACEMENT CHARACTER}": 1.5}


# -- releases and serving --------------------------------------------------------------------------------------


def test_a_release_repeated_is_one_release(office: Office) -> None:
    run = office.open("a", at(0, 5))
    first = office.ledger.write_release(office.ledger.begin(run, "release"), {"lake.p.t": 1})
    again = office.ledger.write_release(office.ledger.begin(run, "release"), {"lake.p.t": 1})
    assert again == first
    assert office.ledger.releases(office.pipeline, "live") == [first]


def test_two_releases_from_a_barrier_are_one(office: Office) -> None:
    run = office.open("a", at(0, 5))
    attempts = [office.ledger.begin(run, "release") for _ in range(2)]
    race([lambda a=attempt: office.ledger.write_release(a, {"lake.p.t": 1}) for attempt in attempts])
    assert len(office.ledger.releases(office.pipeline, "live")) == 1


def test_tables_that_a_run_did_not_touch_keep_their_snapshot(office: Office) -> None:
    office.release(office.open("a", at(0, 5)), {"t": 1, "t__quarantine": 7})
    released = office.release(office.open("b", at(5, 10)), {"t": 2})
    assert released.snapshots == {"t": 2, "t__quarantine": 7}


def test_the_newest_release_comes_first_and_the_tiers_are_apart(office: Office) -> None:
    one = office.release(office.open("a", at(0, 5)))
    two = office.release(office.open("b", at(5, 10)))
    night = office.release(office.open("n", at(0, 1440), cadence="nightly"))
    assert office.ledger.releases(office.pipeline, "live") == [two, one]
    assert office.ledger.releases(office.pipeline, "settled") == [night]
    assert office.ledger.releases(office.pipeline, "live", one.run_key) == [one]


def pending(office: Office, name: str, tier: str) -> list[str]:
    found = office.ledger.unserved(office.pipeline, tier, f"{office.pipeline}/{name}")
    return [release.run_key.rpartition("/")[2] for release in found]


def test_nothing_is_served_without_a_release(office: Office) -> None:
    office.open("a", at(0, 5))
    with pytest.raises(Blocked, match="has no release: there is nothing to serve"):
        pending(office, "a", "live")


def test_releases_that_were_never_served_are_caught_up(office: Office) -> None:
    for n, name in enumerate("abc"):
        office.release(office.open(name, at(5 * n, 5 * n + 5)))
    assert pending(office, "b", "live") == ["b", "a"]
    served = office.ledger.unserved(office.pipeline, "live", f"{office.pipeline}/b")
    office.ledger.mark_served(served, {"mart": 3})
    assert pending(office, "b", "live") == ["b"]
    assert pending(office, "a", "live") == []
    assert pending(office, "c", "live") == ["c"]


def test_a_settled_day_is_served_although_another_day_was_served_later(office: Office) -> None:
    for name, day in (("one", 0), ("two", 1)):
        office.released(name, at(1440 * day, 1440 * (day + 1)), cadence="nightly")
    office.ledger.mark_served(office.ledger.releases(office.pipeline, "settled")[:1], {})
    assert pending(office, "one", "settled") == ["one"]


def test_an_older_build_of_a_day_is_not_served_over_a_newer_one(office: Office) -> None:
    for name, day in (("one", 0), ("two", 1), ("one_again", 0)):
        office.released(name, at(1440 * day, 1440 * (day + 1)), cadence="nightly")
    office.ledger.mark_served(office.ledger.releases(office.pipeline, "settled")[:1], {})
    assert pending(office, "one", "settled") == []
    assert pending(office, "two", "settled") == ["two"]


def test_serving_is_noted_once(office: Office) -> None:
    release = office.release(office.open("a", at(0, 5)))
    office.ledger.mark_served([release], {"mart": 3})
    office.ledger.mark_served([release], {"mart": 3})
    query = text("SELECT rows FROM serving WHERE release_id = :r")
    with create_engine(os.environ["SIGNALBOX_LEDGER_URL"]).begin() as connection:
        assert connection.execute(query, {"r": release.release_id}).scalars().all() == [{"mart": 3}]


def test_a_release_that_may_have_been_cut_off_is_found(office: Office) -> None:
    cut = office.open("cut", at(0, 5))
    office.ledger.begin(cut, "release")
    successor = office.open("next", at(0, 10))
    assert office.ledger.interrupted(successor) == [cut.run_key]
    assert office.ledger.interrupted(cut) == []
    office.expire_lease()
    office.release(successor)
    assert office.ledger.interrupted(office.open("later", at(10, 15))) == []


def test_a_release_can_be_finished_by_another_run_that_holds_the_lease(office: Office) -> None:
    cut, successor = office.open("cut", at(0, 5)), office.open("next", at(0, 10))
    slept = office.ledger.begin(cut, "release")
    office.expire_lease()
    attempt = office.ledger.begin(successor, "clean")
    finished = office.ledger.write_release(attempt, {"lake.p.t": 1}, of=cut)
    assert (finished.run_key, finished.window) == (cut.run_key, cut.window)
    with pytest.raises(Settled):
        office.ledger.write_release(slept, {"lake.p.t": 1})
    assert len(office.ledger.releases(office.pipeline, "live")) == 1


def test_the_first_receipt_of_a_window_is_that_of_its_first_release(office: Office) -> None:
    run = office.open("a", None, at(0, 5))
    first = office.prove(run, document=passing(snapshot=1))
    office.release(run)
    again = office.open("again", None, at(0, 5))
    office.prove(again, document=passing(snapshot=2))
    office.release(again, {"lake.p.t": 2})
    found = office.ledger.first_receipt(office.pipeline, "live", at(0, 5), "clean")
    assert found is not None
    assert found.receipt_id == first
    assert office.ledger.first_receipt(office.pipeline, "live", at(0, 10), "clean") is None


def test_receipts_of_a_run_are_those_of_each_stages_newest_attempt(office: Office) -> None:
    run = office.open("a", at(0, 5))
    old, totals = office.prove(run, "clean"), office.prove(run, "totals")
    new = office.prove(run, "clean", passing(snapshot=2))
    assert [receipt.receipt_id for receipt in office.ledger.receipts(run.run_key)] == [totals, new]
    assert [receipt.receipt_id for receipt in office.ledger.receipts(run.run_key, True)] == [old, totals, new]
    office.ledger.begin(run, "totals")
    assert [receipt.receipt_id for receipt in office.ledger.receipts(run.run_key)] == [new]
    assert office.ledger.receipt_scopes(run.run_key) == {"lake.p.t": "s2"}


# -- migrations ------------------------------------------------------------------------------------------------


def test_migrating_twice_and_at_once_is_migrating_once(lake_home: Path) -> None:
    fresh = create_engine(Cluster(lake_home / "postgres").url("airflow"))
    errors: list[BaseException] = []

    def migrate() -> None:
        try:
            Ledger(fresh).migrate()
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=migrate) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    Ledger(fresh).migrate()
    assert errors == []
    wanted = {"run", "lease", "attempt", "receipt", "verdict", "override", "release", "serving", "ending"}
    assert set(inspect(fresh).get_table_names()) == wanted | {"alembic_version"}


def test_the_migrations_make_what_the_schema_says(ledger: Ledger) -> None:
    with create_engine(os.environ["SIGNALBOX_LEDGER_URL"]).connect() as connection:
        found = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(found, metadata) == []


def test_an_attempt_knows_its_number_and_run(office: Office) -> None:
    run = office.open("a", at(0, 5))
    first, second = office.ledger.begin(run, "clean"), office.ledger.begin(run, "clean")
    assert (first.number, second.number) == (1, 2)
    assert replace(second, attempt_id=0).run == office.ledger.run(run.run_key)
