"""The Spark jars: fetched once, checked, offline afterwards; every failure is one sentence."""

import errno
import hashlib
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from platform_local import jars
from platform_local.ports import free_port
from platform_local.problem import Problem

CONTENT = b"a jar" * 1000
JAR = jars.Jar("org.example", "thing", "1.0", hashlib.sha256(CONTENT).hexdigest())


@pytest.fixture
def repository(tmp_path, monkeypatch):
    """A Maven repository on loopback that holds one jar; the pins name just that."""
    monkeypatch.setattr(jars, "JARS", (JAR,))
    root = tmp_path / "repository"
    (root / JAR.path).parent.mkdir(parents=True)
    (root / JAR.path).write_bytes(CONTENT)
    handler = type("Quiet", (SimpleHTTPRequestHandler,), {"log_message": lambda *_: None})
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(handler, directory=str(root)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield root, {"SIGNALBOX_MAVEN_REPO": f"http://127.0.0.1:{server.server_port}/"}
    server.shutdown()
    server.server_close()


def closed() -> dict[str, str]:
    return {"SIGNALBOX_MAVEN_REPO": f"http://127.0.0.1:{free_port()}"}


def test_the_address_of_a_jar_is_mavens():
    assert JAR.path == "org/example/thing/1.0/thing-1.0.jar"


def test_a_jar_is_fetched_once_and_used_offline_afterwards(repository, tmp_path):
    paths = jars.ensure(tmp_path / "home", repository[1])
    assert [path.read_bytes() for path in paths] == [CONTENT]
    assert jars.ensure(tmp_path / "home", closed()) == paths
    assert sorted(path.name for path in paths[0].parent.iterdir()) == ["thing-1.0.jar"]


def test_a_damaged_jar_is_fetched_again(repository, tmp_path):
    (path,) = jars.ensure(tmp_path / "home", repository[1])
    path.write_bytes(b"cut")
    jars.ensure(tmp_path / "home", repository[1])
    assert path.read_bytes() == CONTENT


def test_without_a_network_one_sentence_says_what_to_do(repository, tmp_path):
    with pytest.raises(Problem, match=r"Cannot fetch .*thing-1\.0\.jar .*connect to the network once, or set"):
        jars.ensure(tmp_path / "home", closed())


def test_another_file_under_the_jars_name_is_refused_and_not_kept(repository, tmp_path):
    (repository[0] / JAR.path).write_bytes(b"something else")
    with pytest.raises(Problem, match="wrong checksum"):
        jars.ensure(tmp_path / "home", repository[1])
    assert list((tmp_path / "home" / "jars").iterdir()) == []


def test_a_full_disk_one_sentence_and_nothing_half_written(repository, tmp_path, monkeypatch):
    class Full:
        def __init__(self, path):
            self.path = path

        def __enter__(self):
            return self

        def __exit__(self, *_):
            return None

        def write(self, _):
            raise OSError(errno.ENOSPC, "No space left on device")

    real = Path.open
    monkeypatch.setattr(
        Path, "open", lambda self, mode="r", **more: Full(self) if mode == "wb" else real(self, mode, **more)
    )
    with pytest.raises(Problem, match=r"The disk is full .*free some space, or set SIGNALBOX_HOME"):
        jars.ensure(tmp_path / "home", repository[1])
    assert list((tmp_path / "home" / "jars").iterdir()) == []
