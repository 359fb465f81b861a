"""Settings, secrets and ports of the local platform."""

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from platform_local import environment
from platform_local.environment import ROOT, SECRETS, Settings, read_env_file, substitute
from platform_local.ports import free_port
from platform_local.problem import Problem


@pytest.fixture
def caller(tmp_path, monkeypatch):
    """A caller's environment: a home and a .env of its own, a Java that needs no search."""
    monkeypatch.setattr(environment, "java_home", lambda *_: Path("/java"))
    return {
        "SIGNALBOX_HOME": str(tmp_path / "home"),
        "SIGNALBOX_ENV_FILE": str(tmp_path / "env"),
        "SIGNALBOX_CLASS_DATA": "off",
        "PATH": "/bin",
    }


def test_a_shell_that_env_has_set_up_starts_the_next_platform_as_any_other(caller, tmp_path):
    caller |= {"SIGNALBOX_DRIVER_MEMORY": "3g"}
    shell = caller | Settings(caller).exports() | {"SIGNALBOX_LOG_DAYS": "3", "SIGNALBOX_CLASS_DATA": "off"}
    assert shell["SIGNALBOX_LANDING"] == str(tmp_path / "home" / "landing")
    following = Settings(shell | {"SIGNALBOX_HOME": str(tmp_path / "own")})
    found = following.environment()
    assert found["SIGNALBOX_LANDING"] == str(tmp_path / "own" / "landing")
    assert not following.has_slack and environment.EXPORTED not in found
    assert (found["SIGNALBOX_LOG_DAYS"], found["SIGNALBOX_DRIVER_MEMORY"]) == ("3", "3g")


def test_what_is_removed_is_ours(caller, tmp_path):
    settings, home = Settings(caller), tmp_path / "home"
    (home / "photos").mkdir()
    assert settings.remove_folders() == [path.name for path in home.iterdir()] == ["photos"]
    (home / "photos").rmdir()
    assert settings.remove_folders() == [] and not home.exists()


def test_what_is_as_it_should_be_is_not_written_again(caller, tmp_path):
    """So that the platform can be ended on a full disk."""
    Settings(caller)
    written = [tmp_path / "env", tmp_path / "home" / "airflow" / "passwords.json"]
    stamps = [path.stat().st_mtime_ns for path in written]
    Settings(caller)
    assert [path.stat().st_mtime_ns for path in written] == stamps


def test_secrets_are_made_once_and_only_their_owner_reads_them(caller, tmp_path):
    Settings(caller)
    written = read_env_file(tmp_path / "env")
    assert set(written) == set(SECRETS)
    assert all(len(value) >= 16 for value in written.values())
    assert len(set(written.values())) == len(written)
    assert (tmp_path / "env").stat().st_mode & 0o777 == 0o600
    Settings(caller)
    assert read_env_file(tmp_path / "env") == written


def test_a_secret_of_ones_own_stays_and_missing_ones_are_added(caller, tmp_path):
    (tmp_path / "env").write_text(
        "# mine\nSIGNALBOX_UI_PASSWORD=chosen\nAIRFLOW_CONN_SLACK_DEFAULT=slack://:t@\nSIGNALBOX_PG_PASSWORD_BI=\n"
    )
    (tmp_path / "env").chmod(0o644)
    settings = Settings(caller)
    assert settings.ui_password == "chosen"
    assert settings.environment()["AIRFLOW_CONN_SLACK_DEFAULT"] == "slack://:t@"
    assert read_env_file(tmp_path / "env")["SIGNALBOX_PG_PASSWORD_BI"]
    assert (tmp_path / "env").read_text().startswith("# mine\n")
    assert (tmp_path / "env").stat().st_mode & 0o777 == 0o600


def test_where_no_slack_is_set_messages_go_to_the_stand_in(caller):
    settings = Settings(caller)
    connection = json.loads(settings.environment()["AIRFLOW_CONN_SLACK_DEFAULT"])
    assert not settings.has_slack
    assert connection["extra"]["base_url"] == f"http://127.0.0.1:{settings.port('slack')}/api/"
    own = Settings({**caller, "AIRFLOW_CONN_SLACK_DEFAULT": "slack://:t@"})
    assert (own.has_slack, own.environment()["AIRFLOW_CONN_SLACK_DEFAULT"]) == (True, "slack://:t@")


def test_the_ui_password_is_the_one_in_the_password_file_of_airflow(caller, tmp_path):
    settings = Settings(caller)
    file = Path(settings.environment()["AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE"])
    assert json.loads(file.read_text()) == {"admin": settings.ui_password}
    assert file.stat().st_mode & 0o777 == 0o600


def test_committed_settings_hold_no_secret():
    committed = (ROOT / "config" / "airflow.env").read_text() + (ROOT / "config" / "supervisord.conf").read_text()
    assert not [name for name in SECRETS if name in committed]


def test_the_example_names_every_secret_and_gives_none():
    example = read_env_file(ROOT / ".env.example")
    assert set(SECRETS) <= set(example)
    assert set(example.values()) == {""}


def test_every_variable_that_jobs_read_is_set(caller, tmp_path):
    environ = Settings(caller).environment()
    home = str(tmp_path / "home")
    port = environ["SIGNALBOX_PG_PORT"]
    assert environ["SIGNALBOX_LANDING"] == f"{home}/landing"
    assert environ["SIGNALBOX_WAREHOUSE"] == f"file://{home}/warehouse"
    assert environ["SIGNALBOX_REPORTS"] == f"{home}/reports"
    assert environ["SIGNALBOX_CATALOG_URI"] == f"jdbc:postgresql://127.0.0.1:{port}/catalog"
    assert environ["SIGNALBOX_LEDGER_URL"].startswith("postgresql+psycopg2://ledger:")
    assert environ["SIGNALBOX_MARTS_URL"].endswith(f"@127.0.0.1:{port}/marts")
    assert environ["SIGNALBOX_CONNECT_URL"] == f"sc://localhost:{environ['SIGNALBOX_CONNECT_PORT']}"
    assert (environ["SIGNALBOX_ENGINE_LIVE"], environ["SIGNALBOX_ENGINE_NIGHTLY"]) == ("connect", "connect")
    assert environ["PYSPARK_PYTHON"] == sys.executable
    assert environ["PYTHONPATH"].split(os.pathsep)[0] == str(ROOT)
    assert environ["GX_ANALYTICS_ENABLED"] == "false"
    assert json.loads(environ["AIRFLOW_CONN_SPARK_DEFAULT"])["host"].startswith("local[")
    assert not [value for value in environ.values() if "${" in value]


def test_airflow_listens_on_loopback_and_keeps_its_state_in_our_home(caller, tmp_path):
    environ = Settings({**caller, "AIRFLOW_HOME": "/elsewhere"}).environment()
    assert environ["AIRFLOW__API__HOST"] == "127.0.0.1"
    assert environ["AIRFLOW_HOME"] == str(tmp_path / "home" / "airflow")
    assert (
        environ["AIRFLOW__CORE__EXECUTION_API_SERVER_URL"]
        == f"http://127.0.0.1:{environ['AIRFLOW__API__PORT']}/execution/"
    )


def test_a_callers_own_setting_wins_over_the_committed_one(caller):
    environ = Settings({**caller, "SIGNALBOX_ENGINE_NIGHTLY": "submit", "SIGNALBOX_LANDING": "/data"}).environment()
    assert (environ["SIGNALBOX_ENGINE_NIGHTLY"], environ["SIGNALBOX_LANDING"]) == ("submit", "/data")


def test_jobs_of_the_platform_use_its_connect_server_whatever_the_shell_did_before(caller):
    environ = Settings({**caller, "SIGNALBOX_ENGINE": "local"}).environment()
    assert environ["SIGNALBOX_ENGINE"] == "connect"


def test_an_unknown_name_in_a_setting_is_an_error_not_an_empty_string():
    assert substitute("file://${HOME}/x", {"HOME": "/h"}) == "file:///h/x"
    with pytest.raises(Problem, match=r"uses \$\{HOUSE\}, which is not one of HOME"):
        substitute("${HOUSE}", {"HOME": "/h"})


@pytest.mark.parametrize(
    "name", ["SIGNALBOX_API_PORT", "SIGNALBOX_CONNECT_PORT", "SIGNALBOX_PG_PORT", "SIGNALBOX_SLACK_PORT"]
)
def test_a_taken_port_is_one_sentence_that_names_its_setting(caller, name):
    chosen = {key: str(free_port()) for key in environment.PORTS}
    with socket.create_server(("127.0.0.1", int(chosen[name]))):
        settings = Settings({**caller, **chosen})
        with pytest.raises(Problem, match=rf"Port {chosen[name]} .* is taken by .*: free it, or set {name}"):
            settings.claim_ports(pick=True)


def test_a_port_that_nobody_chose_gives_way_when_asked_and_is_remembered(caller, monkeypatch):
    with socket.create_server(("127.0.0.1", free_port())) as taken:
        monkeypatch.setitem(environment.PORTS, "SIGNALBOX_API_PORT", taken.getsockname()[1])
        settings = Settings(caller)
        settings.claim_ports(pick=True)
        assert settings.port("api") != taken.getsockname()[1]
        assert Settings(caller).port("api") == settings.port("api")


@pytest.mark.parametrize("value", ["http", "0", "70000", "-1"])
def test_what_is_no_port_is_one_sentence(caller, value):
    with pytest.raises(Problem, match="is not a port"):
        Settings({**caller, "SIGNALBOX_API_PORT": value})


def test_a_home_that_cannot_be_written_is_one_sentence(caller, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(Problem, match="Failed while writing"):
        Settings({**caller, "SIGNALBOX_HOME": str(tmp_path / "file" / "home")})


def test_the_export_lines_can_be_read_by_a_shell(caller, tmp_path):
    command = f'eval "$({sys.executable} -m platform_local env)"; echo "$SIGNALBOX_LANDING"'
    environ = {**os.environ, **caller, "PATH": os.environ["PATH"]}
    answer = subprocess.run(["bash", "-c", command], cwd=ROOT, env=environ, capture_output=True, text=True, check=True)
    assert answer.stdout.strip() == f"{tmp_path}/home/landing"
