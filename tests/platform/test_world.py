"""The world of `make up`: the same files whenever it is started, what was missed, one writer, and a disk that refuses."""

from __future__ import annotations

import os
import subprocess
import threading
import time
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from platform_local import breaking
from platform_local.environment import Settings as EnvironmentSettings
from platform_local.problem import Problem
from platform_local.world import World, keep_up
from simulators.metro import ServiceDay, Settings, land, simulate_day
from simulators.metro.breaks import BREAKS
from tests.conftest import unavailable
from tests.files import content

SETTINGS = Settings(1, 0.01)
# A Tuesday, 09:02 in Oslo.
NOW = datetime(2024, 3, 12, 8, 2, tzinfo=UTC)
TODAY = date(2024, 3, 12)
DAY = timedelta(days=1)


def world(landing: Path, said: list[str] | None = None, settings: Settings = SETTINGS) -> World:
    return World(landing, settings, (said if said is not None else []).append)


def landed(landing: Path) -> dict[str, str]:
    """Every landing file by its bytes; world.json tells of the start and is none."""
    return content(landing, "world.json")


def landed_at_once(landing: Path, days: list[date], upto: datetime) -> dict[str, str]:
    """What the simulator lands of these days in one go."""
    for day in days:
        land(simulate_day(SETTINGS, ServiceDay(day)), landing, upto)
    return landed(landing)


def test_at_first_it_lands_what_has_arrived_since_the_day_before(tmp_path: Path) -> None:
    world(tmp_path / "world").catch_up(NOW)
    expected = landed_at_once(tmp_path / "once", [TODAY - DAY, TODAY], NOW)
    assert landed(tmp_path / "world") == expected
    assert "signal_reading/2024-03-12/0755.parquet" in expected
    assert "signal_reading/2024-03-12/0800.parquet" not in expected


def test_the_files_are_the_same_whenever_it_was_started_and_stopped(tmp_path: Path) -> None:
    for moment in (NOW, NOW + timedelta(minutes=5), NOW + timedelta(hours=3), NOW + timedelta(days=1, hours=5)):
        world(tmp_path / "often").catch_up(moment)
    world(tmp_path / "once").catch_up(NOW)
    world(tmp_path / "once").catch_up(moment)
    assert landed(tmp_path / "often") == landed(tmp_path / "once")


def test_after_days_of_standstill_nothing_is_missing(tmp_path: Path) -> None:
    world(tmp_path / "world").catch_up(NOW)
    world(tmp_path / "world").catch_up(NOW + 4 * DAY)
    days = [TODAY + n * DAY for n in range(-1, 5)]
    assert landed(tmp_path / "world") == landed_at_once(tmp_path / "once", days, NOW + 4 * DAY)


def test_the_timetable_of_tomorrow_is_there_from_noon(tmp_path: Path) -> None:
    noon = datetime(2024, 3, 12, 11, 0, tzinfo=UTC)
    tomorrow = tmp_path / "stop_times" / "2024-03-13" / "stop_times.parquet"
    world(tmp_path).catch_up(noon - timedelta(seconds=1))
    assert not tomorrow.exists()
    world(tmp_path).catch_up(noon)
    assert tomorrow.exists()


def test_every_file_has_its_manifest_and_none_is_left_half_written(tmp_path: Path) -> None:
    world(tmp_path).catch_up(NOW)
    names = set(landed(tmp_path))
    files = {name for name in names if name.endswith(".parquet")}
    assert files and names == files | {f"{name}.manifest.json" for name in files} | {"landing.json"}


def test_a_file_that_was_cut_off_before_its_manifest_is_written_again(tmp_path: Path) -> None:
    world(tmp_path).catch_up(NOW)
    before = landed(tmp_path)
    cut = tmp_path / "signal_reading" / "2024-03-12" / "0755.parquet"
    cut.write_bytes(b"half")
    cut.with_name("0755.parquet.manifest.json").unlink()
    world(tmp_path).catch_up(NOW)
    assert landed(tmp_path) == before


def test_history_says_each_day_and_the_second_time_writes_nothing(tmp_path: Path) -> None:
    said: list[str] = []
    world(tmp_path, said).add_history(2, NOW)
    assert [line for line in said if line.startswith("[")] == ["[1/2] 2024-03-10", "[2/2] 2024-03-11"]
    stamps = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.parquet")}
    again: list[str] = []
    world(tmp_path, again).add_history(2, NOW)
    assert not [line for line in again if "rows" in line]
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.parquet")} == stamps
    assert landed(tmp_path) == landed_at_once(tmp_path / "once", [TODAY - 2 * DAY, TODAY - DAY], NOW)


def test_files_of_ones_own_are_left_alone(tmp_path: Path) -> None:
    (tmp_path / "movement_event").mkdir()
    with pytest.raises(
        Problem, match="holds landing files of metro that no world wrote: start with `WORLD=off make up`"
    ):
        world(tmp_path).catch_up(NOW)


def test_another_seed_or_scale_does_not_mix_with_the_first(tmp_path: Path) -> None:
    world(tmp_path).catch_up(NOW)
    with pytest.raises(Problem, match=r"was filled with seed 1 and scale 0\.01: set SIGNALBOX_WORLD_SEED"):
        world(tmp_path, settings=Settings(2, 0.01)).catch_up(NOW)


@pytest.mark.parametrize(("seed", "scale"), [("one", "0.1"), ("1", "nan"), ("1", "2"), ("-1", "0.1")])
def test_a_world_that_cannot_be_is_one_sentence(tmp_path: Path, seed: str, scale: str) -> None:
    settings = {"SIGNALBOX_WORLD_SEED": seed, "SIGNALBOX_WORLD_SCALE": scale, "SIGNALBOX_LANDING": str(tmp_path)}
    with pytest.raises(Problem, match="set a whole number from 0, and a share of the full day"):
        World.of(settings)


def test_a_folder_that_cannot_be_written_is_said_once_and_it_goes_on_when_that_is_mended(tmp_path: Path) -> None:
    landing = tmp_path / "landing"
    landing.write_text("in the way")
    told = said_of_what_refuses(landing, landing.unlink)
    assert told.startswith("Failed while landing files in")
    assert landed(landing) == undisturbed(tmp_path / "fresh")


def test_a_full_disk_is_said_once_and_it_goes_on_when_there_is_space(tmp_path: Path) -> None:
    def mount(*options: str) -> int:
        command = ["mount", "-t", "tmpfs", "-o", ",".join(("size=200k", *options)), "tmpfs", tmp_path]
        return subprocess.run(command, capture_output=True).returncode

    if mount():
        unavailable("mounting a small tmpfs is not allowed")
    try:
        told = said_of_what_refuses(tmp_path / "landing", lambda: mount("remount", "size=200m"))
        assert told.startswith("The disk is full")
        assert landed(tmp_path / "landing") == undisturbed(tmp_path / "fresh")
    finally:
        subprocess.run(["umount", tmp_path], check=True)


def said_of_what_refuses(landing: Path, mend: Callable[[], object]) -> str:
    """The one thing that a world says while it cannot write and until it has gone on."""
    said: list[str] = []
    trying = threading.Thread(target=keep_up, args=(world(landing, said), lambda: NOW, 0.1), daemon=True)
    trying.start()
    deadline = time.monotonic() + 20
    while not [line for line in said if "tries again" in line] and time.monotonic() < deadline:
        time.sleep(0.05)
    time.sleep(0.5)
    mend()
    trying.join(30)
    assert not trying.is_alive()
    (told,) = [line for line in said if "tries again" in line]
    return told


def undisturbed(folder: Path) -> dict[str, str]:
    """What lands where nothing refuses."""
    world(folder).catch_up(NOW)
    return landed(folder)


def test_make_break_and_make_mend_want_a_folder(tmp_path: Path) -> None:
    environ = {**os.environ, "SIGNALBOX_HOME": str(tmp_path), "SIGNALBOX_ENV_FILE": str(tmp_path / "env")}
    settings = EnvironmentSettings({**environ, "SIGNALBOX_LANDING": "s3://landing/metro"})
    for use in (breaking.plant, breaking.mend):
        with pytest.raises(Problem, match="work on a folder, not on s3://landing/metro: unset SIGNALBOX_LANDING"):
            use(settings, next(iter(BREAKS)))
