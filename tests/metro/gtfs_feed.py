"""GTFS feeds as agencies write them: a handful of literal rows, or a simulated timetable."""

import csv
from pathlib import Path

import pandas as pd

from spark_jobs.metro.gtfs import TABLES

FEED = {
    "agency": "agency_id,agency_name,agency_url,agency_timezone\n1,Metro,https://metro.example,Europe/Oslo\n",
    "stops": "stop_id,stop_name,parent_station,location_type\nS,Sentrum,,1\nS1,Sentrum,S,0\nS-door,Gate,S,2\n",
    "routes": "route_id,route_long_name\n1,Line one\n2,Line two\n",
    "trips": "route_id,service_id,trip_id,direction_id\n1,WD,t1,0\n",
    "stop_times": "trip_id,arrival_time,departure_time,stop_id,stop_sequence\nt1,25:01:00,25:01:30,S1,1\nt1,,,S1,2\n",
    "calendar_dates": "service_id,date,exception_type\nWD,20240313,1\nWD,20240312,1\n",
}


def feed(folder: Path, **changed: str | None) -> Path:
    """The feed as a folder, some of its files changed or left out."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in (FEED | changed).items():
        if text is not None:
            (folder / f"{name}.txt").write_text(text)
    return folder


def as_gtfs(landing: Path, folder: Path) -> None:
    """Take the timetable out of a simulated landing zone and write it as an agency would."""
    folder.mkdir()
    (folder / "agency.txt").write_text(FEED["agency"])
    for name in TABLES:
        (path,) = (landing / name).glob("*/*.parquet")
        rows = pd.read_parquet(path).drop(columns=["plan_version", "published_ts", "corridor_group"], errors="ignore")
        for column in {"date", "start_date", "end_date"} & set(rows):
            rows[column] = pd.to_datetime(rows[column]).dt.strftime("%Y%m%d")
        rows.to_csv(folder / f"{name}.txt", index=False, quoting=csv.QUOTE_ALL, encoding="utf-8-sig")
        for left in (path, path.with_name(f"{path.name}.manifest.json")):
            left.unlink()
