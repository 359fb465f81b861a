"""Goods movements: the demand of raw materials as an ERP books it, document by document.

The issues of a month, on its days 1 to 27, add up to its demand. Beside them: issues too large on a day 28, whose surplus
comes back within 90 days and before any other issue, so that it nets to zero against the latest issue before it; and
transfers, which are no demand and none of which precedes the first issue.
"""

import numpy as np
import pandas as pd
import pyarrow as pa

from simulators.inventory.landing import numbered, pick
from simulators.inventory.noise import Spoilt, spoil_movements
from simulators.inventory.world import UOMS, World

MORE_ISSUES = 0.7
RETURN_SHARE, RETURN_DAYS_MOST, SURPLUS_MOST = 0.05, 59, 3
# A return of day 28 plus 59 days lies in one of the two months after.
QUIET_MONTHS = 2
TRANSFER_SHARE = 0.02
LAST_DAY = 27


def movements(world: World) -> tuple[pa.Table, Spoilt]:
    """Rows of movements in order of posting, and what the noise added."""
    rng = world.settings.stream("movements")
    asked = np.where(world.raw[:, None] & world.reliable, world.quantities, 0)
    rows = pd.concat([_issues(world, asked, rng), _returns(world, asked, rng), _transfers(world, asked, rng)])
    rows = rows.sort_values(["date", "material"], kind="stable", ignore_index=True)
    rows["uom"] = world.uom[rows["material"].to_numpy()]
    rows["document"] = np.arange(len(rows))
    rows, spoilt = spoil_movements(world.settings, rows, len(UOMS))
    rows = rows.sort_values("date", kind="stable", ignore_index=True)
    owner = pa.array(rows["material"].to_numpy())
    documents = numbered("D", int(rows["document"].max()) + 1 if len(rows) else 0, 9)
    table = pa.table(
        {
            "location_id": world.location_ids.take(owner),
            "material_id": world.material_ids.take(owner),
            "document_id": documents.take(pa.array(rows["document"].to_numpy())),
            "posting_date": rows["date"].to_numpy().astype("datetime64[D]"),
            "movement_type": pa.array(rows["type"], pa.string()),
            "qty": rows["qty"].to_numpy(),
            "uom": pick(UOMS, rows["uom"].to_numpy()),
        }
    )
    return table, spoilt


def _frame(material: np.ndarray, date: np.ndarray, kind: str, qty: np.ndarray) -> pd.DataFrame:
    return pd.DataFrame({"material": material, "date": date.astype("datetime64[s]"), "type": kind, "qty": qty})


def _days(world: World, month: np.ndarray, day: np.ndarray | int) -> np.ndarray:
    return np.asarray(world.calendar[month].astype("datetime64[D]") + (np.asarray(day) - 1))


def _issues(world: World, asked: np.ndarray, rng: np.random.Generator) -> pd.DataFrame:
    """Each month's units in one or more parts of about the same size."""
    material, month = np.nonzero(asked)
    units = asked[material, month]
    parts = np.minimum(units, 1 + rng.poisson(MORE_ISSUES, len(units)))
    whole = np.repeat(np.arange(len(units)), parts)
    number = np.arange(len(whole)) - np.repeat(np.cumsum(parts) - parts, parts)
    qty = (units // parts)[whole] + (number < (units % parts)[whole])
    days = _days(world, month[whole], rng.integers(1, LAST_DAY + 1, len(whole)))
    return _frame(material[whole], days, "issue", qty)


def _returns(world: World, asked: np.ndarray, rng: np.random.Generator) -> pd.DataFrame:
    """Pairs of a surplus issue and its return, where the months after are quiet and observed."""
    busy = asked > 0
    quiet = ~busy & world.reliable
    candidates = busy[:, :-QUIET_MONTHS] & quiet[:, 1 : 1 - QUIET_MONTHS] & quiet[:, QUIET_MONTHS:]
    material, month = np.nonzero(candidates & (rng.random(candidates.shape) < RETURN_SHARE))
    issued = _days(world, month, LAST_DAY + 1)
    returned = issued + rng.integers(1, RETURN_DAYS_MOST + 1, len(material))
    surplus = rng.integers(1, SURPLUS_MOST + 1, len(material))
    return pd.concat([_frame(material, issued, "issue", surplus), _frame(material, returned, "return", -surplus)])


def _transfers(world: World, asked: np.ndarray, rng: np.random.Generator) -> pd.DataFrame:
    """Units that another location gave (above 0) or got (below 0), in any reliable month after that of the first issue."""
    known = np.cumsum(asked > 0, axis=1) > 0
    known = np.hstack([np.zeros((len(asked), 1), dtype=bool), known[:, :-1]]) & world.reliable
    material, month = np.nonzero(known & (rng.random(asked.shape) < TRANSFER_SHARE))
    days = _days(world, month, rng.integers(1, LAST_DAY + 1, len(material)))
    units = rng.integers(1, SURPLUS_MOST + 1, len(material)) * rng.choice((-1, 1), len(material))
    return _frame(material, days, "transfer", units)
