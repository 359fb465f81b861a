"""`make up` and `make down` for real: healthy in time, on loopback only, no process left however it ends."""

import json
import os
import re
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request
from contextlib import suppress

import psutil
import pytest

from platform_local.environment import ROOT, SECRETS, read_env_file
from platform_local.ports import answers
from tests.conftest import unavailable
from tests.platform.own_world import World, words_of

pytestmark = [pytest.mark.long, pytest.mark.timeout(600)]

LOOPBACK = {"127.0.0.1", "::ffff:127.0.0.1", "::1"}


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    world = World(tmp_path_factory.mktemp("world"))
    answer = world.make("up")
    world.said = answer.stdout
    try:
        assert answer.returncode == 0, answer.stdout + answer.stderr
        yield world
    finally:
        world.make("down")
        world.clean()


def test_it_says_what_became_healthy_and_where_to_sign_in(world):
    beside = ("postgres", "connect", "slack", "world", "housekeeper")
    for component in (*beside, "api-server", "scheduler", "dag-processor", "triggerer", "watch"):
        assert re.search(rf"^  {component} +healthy +\d+\.\d s$", world.said, re.MULTILINE)
    password = read_env_file(world.folder / "env")["SIGNALBOX_UI_PASSWORD"]
    assert f"http://127.0.0.1:{world.ports['SIGNALBOX_API_PORT']}   user admin   password {password}" in world.said


def test_it_says_where_the_world_is_and_where_slacks_messages_are(world):
    home = world.folder / "home"
    assert f"Slack      none is set: its messages are in {home}/log/slack.log" in world.said
    assert "world      metro in Europe/Oslo, scale 0.05 of the full day, seed 1;" in world.said
    assert list((home / "landing" / "signal_reading").rglob("*.parquet"))


def test_the_printed_password_signs_in_and_nobody_comes_in_without(world):
    base = f"http://127.0.0.1:{world.ports['SIGNALBOX_API_PORT']}"
    with pytest.raises(urllib.error.HTTPError, match="401"):
        urllib.request.urlopen(f"{base}/api/v2/dags", timeout=60)
    password = re.search(r"password (\S+)", world.said)[1]
    body = json.dumps({"username": "admin", "password": password}).encode()
    request = urllib.request.Request(f"{base}/auth/token", body, {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=60) as response:
        token = json.load(response)["access_token"]
    request = urllib.request.Request(f"{base}/api/v2/pools", headers={"Authorization": f"Bearer {token}"})
    with urllib.request.urlopen(request, timeout=60) as response:
        pools = {pool["name"]: pool["slots"] for pool in json.load(response)["pools"]}
    committed = json.loads((ROOT / "config" / "pools.json").read_text())
    assert {name: pools[name] for name in committed} == {name: pool["slots"] for name, pool in committed.items()}


def test_everything_listens_on_loopback_only(world):
    listening = set()
    for process in world.look():
        with suppress(psutil.NoSuchProcess):  # It has ended since.
            found = [c.laddr.ip for c in process.net_connections("tcp") if c.status == psutil.CONN_LISTEN]
            listening |= {(process.name(), address) for address in found}
    assert {name for name, _ in listening} >= {"java", "postgres"}
    assert {address for _, address in listening} <= LOOPBACK


def test_no_secret_stands_on_a_words_of_or_in_the_supervisors_log(world):
    secrets = set(read_env_file(world.folder / "env").values())
    assert len(secrets) == len(SECRETS)
    lines = [" ".join(words_of(process)) for process in world.look()]
    assert lines
    assert not [line for line in lines if any(secret in line for secret in secrets)]
    log = (world.folder / "home" / "log" / "supervisord.log").read_text()
    assert not [secret for secret in secrets if secret in log]


def test_a_second_up_says_so_and_starts_nothing(world):
    before = world.components()
    answer = world.make("up")
    assert answer.returncode == 0
    assert "up already" in answer.stdout
    assert world.components() == before


def test_a_component_that_dies_comes_back(world):
    (victim,) = [process for process in world.look() if words_of(process)[-1:] == ["dag-processor"]]
    victim.kill()
    deadline, again = time.monotonic() + 30, set()
    while not again and time.monotonic() < deadline:
        time.sleep(0.2)
        again = {process.pid for process in world.look() if words_of(process)[-1:] == ["dag-processor"]} - {victim.pid}
    assert again, "supervisor did not start the DAG processor again"


def test_down_ends_every_process_even_orphans_of_a_killed_scheduler(world):
    (scheduler,) = [
        process
        for process in world.look()
        if words_of(process)[-1:] == ["--skip-serve-logs"] and "scheduler" in words_of(process)
    ]
    workers = scheduler.children(recursive=True)
    assert workers
    scheduler.kill()
    world.look()
    answer = world.make("down")
    assert answer.returncode == 0, answer.stderr
    assert world.left() == []
    assert not [port for port in world.ports.values() if answers(port)]


def test_down_of_a_platform_that_is_down_is_no_error(world):
    answer = world.make("down")
    assert (answer.returncode, answer.stdout.strip()) == (0, "The platform is down (0 processes ended).")


def test_a_killed_supervisor_leaves_nothing_that_down_does_not_find(world):
    process = _start(world)
    _wait_for_line(process, "postgres")
    time.sleep(3)
    (supervisor, *_) = world.look()
    os.killpg(process.pid, signal.SIGKILL)
    supervisor.kill()
    assert world.make("down").returncode == 0
    assert world.left() == []


def test_down_during_up_ends_both(world):
    process = _start(world)
    _wait_for_line(process, "postgres")
    assert world.make("down").returncode == 0
    _, errors = process.communicate(timeout=60)
    assert process.returncode != 0
    assert errors.startswith("signalbox: ")
    assert world.left() == []


def test_ctrl_c_during_up_leaves_nothing(world):
    process = _start(world)
    _wait_for_line(process, "postgres")
    time.sleep(3)
    assert len(world.look()) > 2
    os.killpg(process.pid, signal.SIGINT)
    _, errors = process.communicate(timeout=90)
    assert process.returncode != 0
    assert "interrupted; everything that was started is stopped" in errors
    assert world.left() == []


def test_a_terminal_that_is_closed_during_up_leaves_nothing(world):
    process = _start(world)
    _wait_for_line(process, "postgres")
    assert len(world.look()) > 2
    process.stdout.close()
    process.stderr.close()
    os.killpg(process.pid, signal.SIGHUP)
    process.wait(90)
    assert world.left() == []


def test_what_was_cut_off_while_it_started_is_not_taken_for_up(world):
    process = _start(world)
    _wait_for_line(process, "postgres")
    world.look()
    os.killpg(process.pid, signal.SIGKILL)
    answer = world.make("up")
    assert answer.returncode != 0
    assert answer.stderr.startswith("signalbox: The platform is up in part only, without ")
    assert world.make("down").returncode == 0
    assert world.left() == []


def test_a_taken_port_is_one_sentence_and_leaves_nothing(world):
    with socket.create_server(("127.0.0.1", world.ports["SIGNALBOX_CONNECT_PORT"])):
        answer = world.make("up")
    assert answer.returncode != 0
    said = answer.stderr.splitlines()[0]
    assert re.match(
        r"signalbox: Port \d+ \(Spark Connect\) is taken by .*: free it, or set SIGNALBOX_CONNECT_PORT", said
    )
    assert world.left() == []


def test_a_full_disk_is_one_sentence_and_leaves_nothing(world, tmp_path):
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=60m,mode=755", "tmpfs", tmp_path], capture_output=True
    )
    if mounted.returncode:
        unavailable("mounting a small tmpfs is not allowed (test_local_jars and test_local_postgres inject ENOSPC)")
    try:
        environ = {**world.environ, "SIGNALBOX_HOME": str(tmp_path / "home")}
        command = ["make", "--no-print-directory", "up"]
        answer = subprocess.run(command, cwd=ROOT, env=environ, capture_output=True, text=True, timeout=60)
        assert answer.returncode != 0
        assert re.match(
            r"signalbox: The disk is full \(\d+ MB free in .*: free some space, or set SIGNALBOX_HOME", answer.stderr
        )
    finally:
        subprocess.run(["umount", tmp_path], check=True)
    assert world.left() == []


def _start(world: World) -> subprocess.Popen[str]:
    return subprocess.Popen(
        ["make", "--no-print-directory", "up"],
        cwd=ROOT,
        env=world.environ,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )


def _wait_for_line(process: subprocess.Popen[str], word: str) -> None:
    assert process.stdout is not None
    for line in process.stdout:
        if word in line and "healthy" in line:
            return
    pytest.fail(f"`make up` ended before {word} was healthy: {process.stderr and process.stderr.read()}")
