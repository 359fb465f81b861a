"""What `make demo` prints at the end: punctuality, the checkpoints' verdicts, where tables and pages are."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import psycopg2

from platform_local.airflow_api import Run
from platform_local.environment import Settings

PUNCTUALITY = """
    SELECT tier, route_id, sum(planned)::int, sum(run)::int, sum(on_time)::int,
           round((100.0 * sum(on_time) / nullif(sum(planned), 0))::numeric, 1)
      FROM metro.punctuality_daily
     WHERE otp_rule = %s
     GROUP BY tier, route_id ORDER BY tier DESC, route_id
"""
VERDICTS = """
    SELECT stage, status, sentence
      FROM (SELECT DISTINCT ON (stage) * FROM verdict WHERE run_key = %s ORDER BY stage, verdict_id DESC) newest
     ORDER BY verdict_id
"""
RULE = "departures"


def show(settings: Settings, runs: Sequence[Run]) -> None:
    """Read everything back from PostgreSQL, with the roles that people would use."""
    cluster = settings.cluster()
    lines = _query(cluster.url("marts", "bi"), PUNCTUALITY, RULE)
    print(f"\nPunctuality by line (mart metro.punctuality_daily, rule {RULE!r}, read with the role bi)")
    _print(("tier", "line", "planned", "run", "on time", "%"), lines)
    for run in runs:
        verdicts = _query(cluster.url("ledger"), VERDICTS, f"{run.dag_id}/{run.run_id}")
        print(f"\nCheckpoints of {run.dag_id} {run.run_id}")
        _print(("stage", "verdict", "sentence"), verdicts)
    environ = settings.environment()
    print(
        "\nWhere to look\n"
        f"  lake tables  {environ['SIGNALBOX_WAREHOUSE']}/metro (Iceberg; catalog in PostgreSQL, database catalog)\n"
        f"  marts        PostgreSQL, database marts, schema metro (role bi; password in {settings.env_file})\n"
        f"  Airflow      {settings.api_url} while it is up; logs in {settings.logs}"
    )


def _query(url: str, statement: str, argument: str) -> list[tuple[Any, ...]]:
    connection = psycopg2.connect(url.replace("postgresql+psycopg2", "postgresql", 1))
    try:
        with connection.cursor() as cursor:
            cursor.execute(statement, (argument,))
            return cursor.fetchall()
    finally:
        connection.close()


def _print(heads: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
    table = [heads, *([("-" if cell is None else str(cell)) for cell in row] for row in rows)]
    widths = [max(len(row[column]) for row in table) for column in range(len(heads))]
    for row in table:
        print("  " + "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())
