"""``make bench``: the full metro day beside its budgets, our cleaning and our punctuality beside DuckDB's; the headline
run of inventory beside its bare kernel; the audience night at three sizes beside DuckDB; publishing by swap under twenty readers.

``--only platform`` takes an hour, so it has to be asked for: live windows of `make up` in real time, its memory and its idle CPU.
"""

import argparse
import os
from pathlib import Path

from benchmarks import aggregation, audience, cleaning, day, inventory, platform, publish
from platform_local.environment import ROOT, Settings
from platform_local.service_day import land_anew


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument(
        "--scale", type=float, default=1.0, help="1.0 is the full day: 170,000 movements, 3 million readings"
    )
    parts = ("day", "cleaning", "inventory", "audience", "publish", "platform")
    parser.add_argument("--only", choices=parts, help="one part; default all but `platform`")
    parser.add_argument("--windows", type=int, default=12, help="of `platform`: five minutes each; default an hour")
    args = parser.parse_args()
    home = Path(os.environ.get("SIGNALBOX_HOME", ROOT / "var")).absolute() / "bench"
    settings = Settings({**os.environ, "SIGNALBOX_HOME": str(home)})
    if args.only in (None, "day", "cleaning"):
        land_anew(settings, args.scale)
    if args.only in (None, "cleaning"):
        cleaning.compare(Path(settings.environment()["SIGNALBOX_LANDING"]), home)
    if args.only in (None, "day"):
        aggregation.compare(settings, day.measure(settings))
    if args.only in (None, "inventory"):
        inventory.compare(home)
    if args.only in (None, "audience"):
        audience.compare(home)
    if args.only in (None, "publish"):
        publish.compare(seconds=60, hold_s=30, rows=50_000)
    if args.only == "platform":
        platform.measure(Settings({**os.environ, "SIGNALBOX_HOME": str(home / "platform")}), args.windows)


if __name__ == "__main__":
    main()
