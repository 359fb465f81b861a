"""The material master: price, planned lead time, and the levels and stock that a planner's rule of thumb led to."""

from math import log

import numpy as np
import pyarrow as pa

from simulators.inventory.landing import known, pick
from simulators.inventory.noise import Spoilt, spoil_master
from simulators.inventory.preset import CRITICALITIES
from simulators.inventory.world import UOMS, World

# The planner's minimum is lead-time demand times a factor, drawn evenly on a log scale.
LOG_FACTOR_RANGE = (log(0.3), log(4.0))
LOT_MONTHS_RANGE = (1.0, 12.0)
NONSTOCK_SHARE, LEFT_OVER_SHARE, ON_ORDER_SHARE = 0.1, 0.3, 0.15
MIN_ORDER_SHARE, MIN_ORDER_MOST = 0.05, 12
SHELF_LIFE_SHARE, SHELF_LIVES_MONTHS = 0.03, (12.0, 24.0, 36.0, 60.0)
# Who is told a cost of downtime, and its median a day on a log scale, in the order of CRITICALITIES.
DOWNTIME_SHARES, DOWNTIME_LOG_COST = (0.3, 0.1, 0.0, 0.0), (10.0, 8.0, 0.0, 0.0)


def master(world: World, installed: np.ndarray) -> tuple[pa.Table, Spoilt]:
    """Rows of material_master and what the noise did to them; ``installed``: pieces by material, NaN: not known."""
    count = len(world.kind)
    rng = world.settings.stream("master")
    columns = {
        "lead_time_months": world.lead_times.planned_months.copy(),
        "price": np.maximum(rng.lognormal(5.0, 1.5, count).round(2), 0.01),
        "installed_total": installed,
        **_levels(world, rng),
        **_conditions(world, rng),
    }
    spoilt = spoil_master(world.settings, columns)
    names = {
        "location_id": world.location_ids,
        "material_id": world.material_ids,
        "criticality": pick(CRITICALITIES, world.criticality),
        "currency": pick([world.settings.preset.currency], np.zeros(count, dtype=int)),
        "uom": pick(UOMS, world.uom),
        "mrp_type": pick(("stock", "nonstock"), np.isnan(columns["min_level"]).astype(int)),
    }
    return pa.table(names | {name: known(values, ~np.isnan(values)) for name, values in columns.items()}), spoilt


def _levels(world: World, rng: np.random.Generator) -> dict[str, np.ndarray]:
    """Levels and stock in units; what is not kept in stock has no levels, but sometimes some units left over."""
    count = len(world.kind)
    monthly = world.size_mean * world.chain.share
    factor = np.exp(rng.uniform(*LOG_FACTOR_RANGE, count))
    low = np.rint(monthly * world.lead_times.planned_months * factor)
    lot = np.maximum(np.rint(monthly * rng.uniform(*LOT_MONTHS_RANGE, count)), 1.0)
    in_stock = rng.random(count) >= NONSTOCK_SHARE
    on_hand = np.rint((low + lot) * rng.uniform(0.0, 2.0, count))
    return {
        "min_level": np.where(in_stock, low, np.nan),
        "max_level": np.where(in_stock, low + lot, np.nan),
        "stock_on_hand": np.where(in_stock | (rng.random(count) < LEFT_OVER_SHARE), on_hand, 0.0),
        "on_order": np.where(in_stock & (rng.random(count) < ON_ORDER_SHARE), lot, 0.0),
    }


def _conditions(world: World, rng: np.random.Generator) -> dict[str, np.ndarray]:
    """What few materials have: a least order in units, a shelf life in months, a cost of downtime a day."""
    count = len(world.kind)
    least = rng.integers(2, MIN_ORDER_MOST + 1, count).astype(float)
    shelf_life = rng.choice(SHELF_LIVES_MONTHS, count)
    cost = rng.lognormal(np.array(DOWNTIME_LOG_COST)[world.criticality], 1.0).round(2)
    costed = rng.random(count) < np.array(DOWNTIME_SHARES)[world.criticality]
    return {
        "min_order_qty": np.where(rng.random(count) < MIN_ORDER_SHARE, least, np.nan),
        "shelf_life_months": np.where(rng.random(count) < SHELF_LIFE_SHARE, shelf_life, np.nan),
        "downtime_cost_per_day": np.where(costed, cost, np.nan),
    }
