"""How PostgreSQL, the Spark Connect and Thrift servers, the stand-in of Slack, the world and the housekeeper are started: the
commands that supervisor and docker-compose run (Airflow's are its own).
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import NoReturn

from platform_local.environment import Settings
from platform_local.jars import spark_home
from platform_local.ports import HOST
from platform_local.private_file import write_private
from platform_local.problem import Problem
from spark_jobs.common.spark_conf import TIERED_JAVA_OPTIONS, session_conf, size_conf

CONNECT_CLASS = "org.apache.spark.sql.connect.service.SparkConnectServer"
THRIFT_CLASS = "org.apache.spark.sql.hive.thriftserver.HiveThriftServer2"


def serve(component: str) -> NoReturn:
    """Become the component. Supervisor was given the whole environment, and hands it on."""
    if component == "postgres":
        serve_postgres(Settings())
    if component == "connect":
        serve_connect(os.environ)
    if component == "thrift":
        serve_thrift(os.environ)
    if component == "slack":
        from platform_local.slack_standin import serve_slack

        serve_slack(int(os.environ["SIGNALBOX_SLACK_PORT"]))
    if component == "world":
        # Imported here: the other components need no pandas.
        from platform_local.world import serve_world

        serve_world(os.environ)
    if component == "housekeeper":
        from platform_local.housekeeper import serve_housekeeper

        serve_housekeeper(os.environ)
    raise Problem(f"There is no component {component!r}: postgres, connect, thrift, slack, world or housekeeper.")


def serve_postgres(settings: Settings) -> NoReturn:
    cluster = settings.cluster()
    command, user = cluster.command(), cluster.user()
    os.chdir("/")
    if user is not None:
        os.setgroups([])
        os.setgid(user.pw_gid)
        os.setuid(user.pw_uid)
    # None of the platform's secrets is PostgreSQL's business.
    os.execve(command[0], command, {"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C.UTF-8"})


def serve_connect(environ: Mapping[str, str]) -> NoReturn:
    conf = {
        "spark.connect.grpc.binding.address": HOST,
        "spark.connect.grpc.binding.port": environ["SIGNALBOX_CONNECT_URL"].rpartition(":")[2],
        # A client that died without a word gives its session back after this time.
        "spark.connect.session.manager.defaultSessionTimeout": "10m",
        # It is started once, for live windows; whatever else it serves takes what they leave.
        **size_conf(environ, "live", environ["SIGNALBOX_MASTER"]),
    }
    _become_server("signalbox-connect", CONNECT_CLASS, conf, environ)


def serve_thrift(environ: Mapping[str, str]) -> NoReturn:
    """Address and port are Hive's own variables: HIVE_SERVER2_THRIFT_BIND_HOST and HIVE_SERVER2_THRIFT_PORT."""
    # Without, it would keep a Hive metastore of its own in the present folder. Tables are named in full, as `lake.metro.movements`:
    # a client begins in the schema `default`, which the lake does not have.
    conf = {"spark.sql.catalogImplementation": "in-memory"}
    _become_server("signalbox-thrift", THRIFT_CLASS, conf, environ)


def _become_server(name: str, main_class: str, conf: Mapping[str, str], environ: Mapping[str, str]) -> NoReturn:
    # It lives for days, and its windows run the same code every five minutes.
    environ = {"SIGNALBOX_JAVA_OPTIONS": TIERED_JAVA_OPTIONS, **environ}
    submit = spark_home() / "bin" / "spark-submit"
    command = [
        str(submit),
        *("--master", environ["SIGNALBOX_MASTER"]),
        *("--properties-file", str(write_properties(environ))),
        *(part for key, value in conf.items() for part in ("--conf", f"{key}={value}")),
        *("--conf", "spark.log.level=WARN"),
        *("--name", name),
        *("--class", main_class),
        "spark-internal",
    ]
    os.execve(submit, command, dict(environ))


def write_properties(environ: Mapping[str, str]) -> Path:
    """Write the session settings to a 0600 file for spark-submit: a command line is open to every user of the
    machine.
    """
    path = Path(environ["SIGNALBOX_SPARK_PROPERTIES"])
    lines = (f"{key} {_escape(value)}" for key, value in session_conf(environ).items())
    write_private(path, "\n".join(lines) + "\n")
    return path


def _escape(value: str) -> str:
    """As java.util.Properties reads it back."""
    return value.replace("\\", "\\\\")
