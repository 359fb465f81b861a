"""``python -m platform_local init``: what docker-compose.yaml runs once before everything else, in a PostgreSQL of
its own.

Makes the databases and roles, the schemas of Airflow and of the ledger, the pools, and the UI's password file; may be
repeated.
(`make up` does the same step by step, in ``supervisor.py``.)
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import psycopg2
from psycopg2.extensions import cursor as Cursor
from sqlalchemy import create_engine

from platform_local.databases import ROLES, create_databases
from platform_local.environment import ROOT, UI_USER
from platform_local.private_file import write_private
from platform_local.problem import Problem
from spark_jobs.common.ledger import Ledger


def initialise(environ: Mapping[str, str]) -> None:
    """Bring the PostgreSQL that ``SIGNALBOX_PG_SUPERUSER_URL`` names to what the platform needs."""
    passwords = {role: environ[f"SIGNALBOX_PG_PASSWORD_{role.upper()}"] for role in ROLES}

    @contextmanager
    def superuser(database: str) -> Iterator[Cursor]:
        url = urlunsplit(urlsplit(environ["SIGNALBOX_PG_SUPERUSER_URL"])._replace(path=f"/{database}"))
        connection = psycopg2.connect(url)
        try:
            connection.autocommit = True
            with connection.cursor() as cursor:
                yield cursor
        finally:
            connection.close()

    create_databases(superuser, passwords)
    migrate_ledger(environ["SIGNALBOX_LEDGER_URL"])
    for arguments in (["db", "migrate"], ["pools", "import", str(ROOT / "config" / "pools.json")]):
        if subprocess.run([sys.executable, "-m", "airflow", *arguments], env=dict(environ), check=False).returncode:
            raise Problem(f"`airflow {' '.join(arguments)}` failed; its own words are above.")
    password_file = Path(environ["AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE"])
    password_file.parent.mkdir(parents=True, exist_ok=True)
    write_private(password_file, json.dumps({UI_USER: environ["SIGNALBOX_UI_PASSWORD"]}))


def migrate_ledger(url: str) -> None:
    """Bring the ledger's schema to the present one."""
    engine = create_engine(url)
    try:
        Ledger(engine).migrate()
    finally:
        engine.dispose()
