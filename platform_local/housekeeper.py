"""The housekeeper of `make up`: keeps what lives long from growing without bound.

It starts Spark Connect anew between two windows (``recycling.py``) and deletes old logs (``old_logs.py``). Whatever it fails at
it says, and tries again.
"""

from __future__ import annotations

import time
import traceback
from collections.abc import Mapping
from pathlib import Path
from typing import NoReturn

from platform_local.environment import Settings
from platform_local.old_logs import keep_days, remove_old
from platform_local.recycling import Limits, Recycler
from platform_local.supervisor import Platform

LOOK_EVERY_S = 10
CLEAN_EVERY_S = 3600


def serve_housekeeper(environ: Mapping[str, str]) -> NoReturn:
    """Look after the platform until the process is ended."""
    settings, limits, keep_s = Settings(environ), Limits.of(environ), keep_days(environ) * 86_400
    recycler = Recycler(Platform(settings).rpc, settings.port("connect"), environ["SIGNALBOX_LEDGER_URL"], limits)
    folders = [
        Path(environ["AIRFLOW__LOGGING__BASE_LOG_FOLDER"]),
        Path(environ["AIRFLOW__LOGGING__DAG_PROCESSOR_CHILD_PROCESS_LOG_DIRECTORY"]),
    ]
    print(f"Spark Connect is started anew, when nobody uses it, {limits}.", flush=True)
    clean_at = 0.0
    while True:
        try:
            recycler.look()
            if time.monotonic() >= clean_at:
                clean_at = time.monotonic() + CLEAN_EVERY_S
                if removed := sum(remove_old(folder, time.time() - keep_s) for folder in folders):
                    print(f"{removed:,} old log files deleted", flush=True)
        except Exception:
            # PostgreSQL or supervisor may be on their way up again; the next look finds them.
            print(f"Trying again in {LOOK_EVERY_S} s:\n{traceback.format_exc()}", flush=True)
        time.sleep(LOOK_EVERY_S)
