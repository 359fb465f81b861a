"""What goes wrong between the store room and the landing zone, each piece of it remembered for the truth."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from simulators.inventory.preset import Settings

NEGATIVE_SHARE = 0.005
GAP_SHARE, GAP_MONTHS_MOST = 0.01, 3
NO_LEAD_TIME_SHARE, ZERO_LEAD_TIME_SHARE, CORRUPT_TOTAL_SHARE = 0.005, 0.002, 0.005
CORRUPT_TOTAL_MOST = 1.0e7
DUPLICATE_SHARE, OTHER_UNIT_SHARE, NEGATIVE_ISSUE_SHARE = 0.01, 0.005, 0.003


@dataclass(frozen=True)
class Spot:
    """Rows of ``table`` that were spoilt in one way: indices of material and month (-1: of none) and document numbers."""

    table: str
    what: str
    material: np.ndarray
    month: np.ndarray
    document: np.ndarray


Spoilt = list[Spot]


def spot(
    table: str, what: str, material: np.ndarray, month: np.ndarray | None = None, document: np.ndarray | None = None
) -> Spot:
    """Spoilt rows that may have neither month nor document."""
    none = np.full(len(material), -1)
    return Spot(table, what, material, none if month is None else month, none if document is None else document)


def spoil_months(settings: Settings, cells: np.ndarray, landed: np.ndarray) -> Spoilt:
    """Change ``cells`` and ``landed``, both of shape (materials, months), in place.

    Some cells become negative, as corrections booked in the wrong month do; some materials lack successive months,
    never the first or the last.
    """
    rng = settings.stream("noise of months")
    materials, months = cells.shape
    start = rng.integers(1, months - 1, materials)
    length = rng.integers(1, GAP_MONTHS_MOST + 1, materials)
    gappy = np.asarray(rng.random(materials) < settings.noisy(GAP_SHARE))
    month = np.arange(months)
    end = np.minimum(start + length, months - 1)
    gap = landed & gappy[:, None] & (month >= start[:, None]) & (month < end[:, None])
    landed &= ~gap
    negative = landed & (rng.random(cells.shape) < settings.noisy(NEGATIVE_SHARE))
    cells[negative] = -1 - cells[negative]
    return [
        spot("monthly_demand", "gap", *np.nonzero(gap)),
        spot("monthly_demand", "negative", *np.nonzero(negative)),
    ]


def spoil_master(settings: Settings, columns: dict[str, np.ndarray]) -> Spoilt:
    """Change columns of the master in place: lead times missing or 0, installed totals corrupt, one price 0."""
    rng = settings.stream("noise of master")
    draw = rng.random(len(columns["price"]))
    missing = draw < settings.noisy(NO_LEAD_TIME_SHARE)
    zero = ~missing & (draw < settings.noisy(NO_LEAD_TIME_SHARE + ZERO_LEAD_TIME_SHARE))
    columns["lead_time_months"][missing] = np.nan
    columns["lead_time_months"][zero] = 0.0
    totals = columns["installed_total"]
    corrupt = ~np.isnan(totals) & (rng.random(len(draw)) < settings.noisy(CORRUPT_TOTAL_SHARE))
    totals[corrupt] = np.rint(np.exp(rng.uniform(np.log(1e3), np.log(CORRUPT_TOTAL_MOST), int(corrupt.sum()))))
    free = rng.integers(0, len(draw), 1 if settings.noise > 0 else 0)
    columns["price"][free] = 0.0
    return [
        spot("material_master", "no_lead_time", np.flatnonzero(missing)),
        spot("material_master", "zero_lead_time", np.flatnonzero(zero)),
        spot("material_master", "corrupt_installed_total", np.flatnonzero(corrupt)),
        spot("material_master", "zero_price", free),
    ]


def spoil_movements(settings: Settings, rows: pd.DataFrame, units: int) -> tuple[pd.DataFrame, Spoilt]:
    """Add rows: postings booked twice, copies of issues in another unit, and copies of issues with the sign turned.

    All of them go by the day of a true row, so that a reader who leaves them out has the true quantities and months.
    """
    rng = settings.stream("noise of movements")
    twice = rows[rng.random(len(rows)) < settings.noisy(DUPLICATE_SHARE)]
    issues = rows[rows["type"] == "issue"]
    other_unit = issues[rng.random(len(issues)) < settings.noisy(OTHER_UNIT_SHARE)].copy()
    other_unit["uom"] = (other_unit["uom"] + 1) % units
    turned = issues[rng.random(len(issues)) < settings.noisy(NEGATIVE_ISSUE_SHARE)].copy()
    turned["qty"] = -turned["qty"]
    other_unit["document"] = len(rows) + np.arange(len(other_unit))
    turned["document"] = len(rows) + len(other_unit) + np.arange(len(turned))
    spoilt = [
        spot("movements", what, added["material"].to_numpy(), document=added["document"].to_numpy())
        for what, added in (("duplicate", twice), ("other_unit", other_unit), ("negative_issue", turned))
    ]
    return pd.concat([rows, twice, other_unit, turned], ignore_index=True), spoilt
