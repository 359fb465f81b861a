"""The 101 stations: ids, names that stand for no real place, and positions on a schematic map."""

from __future__ import annotations

import numpy as np

BRANCHES = {"E1": 10, "E2": 9, "E3": 10, "E4": 11, "E5": 10, "W1": 10, "W2": 10, "W3": 12}


def station_list() -> list[str]:
    ring = [f"R{i:02d}" for i in range(1, 12)]
    branch = [f"{b}-{i:02d}" for b, n in BRANCHES.items() for i in range(1, n + 1)]
    return [f"T{i:02d}" for i in range(1, 9)] + ring + branch


def station_names(stations: list[str]) -> dict[str, str]:
    first = ("Berg", "Lund", "Haug", "Skog", "Elve", "Bjerke", "Furu", "Granne", "Myr", "Sol", "Ulle", "Vest", "Nord")
    last = ("vik", "heim", "stad", "sletta", "bakken", "lia", "dal", "torget")
    return {s: first[i % len(first)] + last[(i // 2 + i) % len(last)] for i, s in enumerate(stations)} | {
        s: f"{first[i % 13]}{last[(i * 3) % 8]} {s}" for i, s in enumerate(stations) if "-" in s
    }


def station_position(station: str) -> tuple[float, float]:
    """Latitude and longitude of a schematic map: tunnel east-west, branches as rays, the ring north of T08."""
    if station[0] == "T":
        return 59.913, round(10.79 - 0.009 * int(station[1:]), 5)
    if station[0] == "R":
        angle = 2 * np.pi * int(station[1:]) / 12
        return round(59.933 - 0.02 * np.cos(angle), 5), round(10.718 - 0.035 * np.sin(angle), 5)
    branch, index = station.split("-")
    east, number = branch[0] == "E", int(branch[1])
    angle = np.deg2rad((number - 3) * 28 if east else 180 + (number - 2) * 28)
    origin = 10.781 if east else 10.718
    distance = 0.0085 * int(index)
    return round(59.913 + distance * np.sin(angle), 5), round(origin + 1.9 * distance * np.cos(angle), 5)


def line_stations(line: str) -> list[str]:
    """Stations of a line in direction 0 (east to west)."""
    east = [f"E{line}-{i:02d}" for i in range(BRANCHES[f"E{line}"], 0, -1)]
    tunnel = [f"T{i:02d}" for i in range(1, 9)]
    if line == "5":
        return east + tunnel + [f"R{i:02d}" for i in range(1, 7)]
    if line == "4":
        return east + tunnel + [f"R{i:02d}" for i in range(11, 5, -1)]
    return east + tunnel + [f"W{line}-{i:02d}" for i in range(1, BRANCHES[f"W{line}"] + 1)]
