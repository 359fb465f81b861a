"""The environment of somebody who has set nothing, on a platform of their own."""

import os
from pathlib import Path

from platform_local.ports import free_port

# What the tests that run here have set for themselves.
_OURS = (
    *("SIGNALBOX_", "AIRFLOW", "SPARK_", "PYSPARK_", "JAVA_HOME", "GX_", "PYTHONPATH", "PYTEST_"),
    *("MAKE", "MFLAGS"),
)
_KEPT = "SIGNALBOX_MAVEN_REPO"
PORTS = tuple(f"SIGNALBOX_{name}_PORT" for name in ("API", "CONNECT", "PG", "SLACK"))


def fresh_environ(folder: Path | None = None) -> dict[str, str]:
    """Nothing of the tests; with a folder a home, secrets and ports that no other platform has."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(_OURS) or name == _KEPT}
    if folder is None:
        return kept
    places = {"SIGNALBOX_HOME": str(folder / "home"), "SIGNALBOX_ENV_FILE": str(folder / "env")}
    return kept | places | {name: str(free_port()) for name in PORTS}
