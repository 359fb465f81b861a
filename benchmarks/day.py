"""The metro's full day on the whole platform: live windows under the running scheduler, then the night through spark-submit."""

import time
from datetime import datetime, timedelta
from pathlib import Path

import psutil
import pyarrow as pa
from adbc_driver_postgresql import dbapi
from pyarrow import parquet

from benchmarks.meter import Meter, metered, tree
from platform_local.airflow_api import AirflowApi, Run, Task
from platform_local.demo import FIRST_WINDOW, LIVE_DAG, NIGHTLY_DAG, WINDOW
from platform_local.environment import Settings
from platform_local.service_day import SCHEDULE_UNTIL, SERVICE_DATE
from platform_local.supervisor import Platform
from simulators.metro import score
from spark_jobs.common.ledger import Ledger

LIVE_WITHIN_S, NIGHT_WITHIN_S, JOBS_MB = 60, 300, 6_000
STEPS = ("pin", "transform", "count landing", "write", "quarantine", "audit")


def measure(settings: Settings) -> Path:
    """Print each live window's budget and the night's, with memory of the jobs and of the platform, and how true the night is;
    its planned calls as Parquet.
    """
    platform = Platform(settings)
    extra = {"SIGNALBOX_SCHEDULE_UNTIL": SCHEDULE_UNTIL.isoformat(), "SIGNALBOX_ENGINE_NIGHTLY": "submit"}
    platform.up(pick_ports=True, extra=extra)
    try:
        api = AirflowApi(settings)
        api.unpause_when_read(LIVE_DAG, NIGHTLY_DAG)
        root = int((settings.run / "supervisord.pid").read_text())
        # A fresh server compiles what its windows run, and a machine has its moods: one window alone says little.
        for number, name in enumerate(
            ("first live window (tables are made)", "second live window", "third live window")
        ):
            start = FIRST_WINDOW + number * WINDOW
            conf = {"window_start": start.isoformat(), "window_end": (start + WINDOW).isoformat()}
            _report(settings, api, name, LIVE_WITHIN_S, *_follow(api, api.trigger(LIVE_DAG, conf), root))
        night = _follow(api, api.backfill(NIGHTLY_DAG, SERVICE_DATE), root)
        _report(settings, api, "night through spark-submit", NIGHT_WITHIN_S, *night)
        calls = _settled(settings, "planned_calls")
        _tell_truth(_settled(settings, "stop_visits"), calls, settings.home / "truth")
        path = settings.home / "planned_calls.parquet"
        parquet.write_table(calls, path)
    finally:
        platform.down()
    return path


def _settled(settings: Settings, mart: str) -> pa.Table:
    """What the night left in a mart, as the platform serves it."""
    uri = settings.environment()["SIGNALBOX_MARTS_URL"].replace("+psycopg2", "")
    with dbapi.connect(uri) as connection, connection.cursor() as cursor:
        cursor.execute(f"SELECT * FROM metro.{mart} WHERE tier = 'settled'")
        return cursor.fetch_arrow_table()


def _tell_truth(visits: pa.Table, calls: pa.Table, truth: Path) -> None:
    told = score.matching(visits.to_pandas(), truth)
    ours, true = score.punctuality(calls.to_pandas(), truth)
    print(
        f"\nnight beside the simulator's truth: precision {told['precision']:.4f} (bar: 0.995), recall {told['recall']:.4f} (bar: 0.99), "
        f"departures off by {told['departure_mae_s']:.2f} s on average (bar: 2), {told['unseen']:.2%} of the visits not seen, "
        f"{told['twice']} planned departures or visits twice (bar: 0); "
        f"punctuality {ours:.2%}, in truth {true:.2%}",
        flush=True,
    )


def _follow(api: AirflowApi, run: Run, root: int) -> tuple[Run, Meter, Meter]:
    """Wait for a run; what its jobs and the whole platform used."""
    deadline = time.monotonic() + timedelta(minutes=30).total_seconds()
    with metered(lambda: tree(root)) as whole, metered(lambda: _jobs(root)) as jobs:
        while (state := api.state(run)) in ("queued", "running"):
            if time.monotonic() > deadline:
                raise SystemExit(f"{run} did not end within 30 minutes.")
            time.sleep(0.5)
    if state != "success":
        raise SystemExit(f"{run} ended {state}: {[(task.name, task.state) for task in api.tasks(run)]}")
    return run, whole, jobs


def _jobs(root: int) -> list[psutil.Process]:
    """Every spark-submit below the platform, with its JVM and Python workers."""
    found: dict[int, psutil.Process] = {}
    for process in tree(root):
        try:
            if "spark_jobs/__main__.py" in " ".join(process.cmdline()):
                found |= {member.pid: member for member in tree(process.pid)}
        except psutil.Error:
            continue
    return list(found.values())


def _report(settings: Settings, api: AirflowApi, name: str, within_s: int, run: Run, whole: Meter, jobs: Meter) -> None:
    print(
        f"\n{name}: {whole.wall_s:.1f} s from trigger to served (bar: {within_s}); CPU of the platform {whole.cpu_s:.0f} s, "
        f"its peak memory {whole.peak_mb:,.0f} MB"
        + (f"; of the spark-submit jobs {jobs.peak_mb:,.0f} MB (bar: {JOBS_MB:,})" if jobs.peak_mb else "")
    )
    ledger = Ledger.at(settings.environment()["SIGNALBOX_LEDGER_URL"])
    phases = {receipt.stage: receipt.document["phases"] for receipt in ledger.receipts(f"{run.dag_id}/{run.run_id}")}
    print(f"  {'task':<26}{'task s':>8}{'client':>10}" + "".join(f"{step:>15}" for step in STEPS))
    tasks = [task for task in api.tasks(run) if task.ended and not task.name.endswith(".end")]
    for task in tasks:
        print(f"  {task.name:<26}{task.seconds:>8.1f}" + _budget(task, phases))
    print(f"  {'Airflow, no task at work':<26}{whole.wall_s - _busy_s(tasks):>8.1f}", flush=True)


def _budget(task: Task, phases: dict[str, dict[str, float]]) -> str:
    """What a build's seconds went to; the client's are those of its process: start, session, ledger."""
    stage, _, step = task.name.partition(".")
    if step != "build" or stage not in phases:
        return ""
    spent = [phases[stage].get(wanted, 0.0) for wanted in STEPS]
    return f"{task.seconds - sum(spent):>10.1f}" + "".join(f"{seconds:>15.1f}" for seconds in spent)


def _busy_s(tasks: list[Task]) -> float:
    """Seconds in which at least one task ran."""
    ends = [datetime.fromisoformat(task.ended).timestamp() for task in tasks]
    spans = sorted((end - task.seconds, end) for task, end in zip(tasks, ends, strict=True))
    busy, until = 0.0, 0.0
    for start, end in spans:
        busy += max(0.0, end - max(start, until))
        until = max(until, end)
    return busy
