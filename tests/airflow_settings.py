"""Airflow's home for tests that need no running platform; ``conftest.py`` imports this before any test imports Airflow.

It lies in the temporary folder and names a database that nobody answers: such a test must not need one.
"""

import atexit
import os
import shutil
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def prepared_home() -> Path:
    """A new Airflow home whose configuration points to this repository."""
    home = Path(tempfile.mkdtemp(prefix="signalbox-airflow-"))
    atexit.register(shutil.rmtree, home, ignore_errors=True)
    (home / "airflow.cfg").write_text(
        "[core]\n"
        f"dags_folder = {ROOT / 'dags'}\nplugins_folder = {ROOT / 'plugins'}\nload_examples = False\n"
        "[database]\nsql_alchemy_conn = postgresql+psycopg2://nobody@127.0.0.1:1/nothing\n"
        f"[logging]\nbase_log_folder = {home / 'logs'}\nlogging_level = WARNING\n"
    )
    return home


if "airflow" in sys.modules:
    raise RuntimeError("Airflow was imported before its home was settled: import tests.airflow_settings first.")
os.environ["AIRFLOW_HOME"] = str(prepared_home())
