"""The true quantiles of lead-time demand, by convolution of the true sizes over the true lead times.

The lead time begins after the last month, in the true state of the chain. As the pipeline does, it is rounded up to whole
months, at least one, and its fractional remainder thins the last of them. Demand only grows, so that P(demand <= r) needs
the sizes up to r only: the arrays are doubled until they hold the largest quantile, and nothing is cut off below it. A
dead material has no more demand. Shutdowns still to come are left out: these are the quantiles of the chain.
"""

import numpy as np
import pyarrow as pa

from simulators.inventory.disturbances import NEVER_DIES
from simulators.inventory.lead_time import DAYS_A_MONTH
from simulators.inventory.world import World

QUANTILES = (0.5, 0.9, 0.95, 0.99)
FIRST_SUPPORT = 64
# What the transform's rounding may take away from a probability.
ROUNDING = 1e-12


def quantiles(world: World, materials: int) -> pa.Table:
    """location_id, material_id, q, value (units) of the first so many materials."""
    count = min(materials, len(world.kind))
    values = [value for material in range(count) for value in _quantiles_of(world, material)]
    owner = pa.array(np.repeat(np.arange(count), len(QUANTILES)))
    return pa.table(
        {
            "location_id": world.location_ids.take(owner),
            "material_id": world.material_ids.take(owner),
            "q": pa.array(list(QUANTILES) * count, pa.float64()),
            "value": pa.array(values, pa.float64()),
        }
    )


def _quantiles_of(world: World, material: int) -> list[float]:
    if world.disturbances.death[material] != NEVER_DIES:
        return [0.0] * len(QUANTILES)
    support = FIRST_SUPPORT
    below = np.cumsum(lead_time_demand(world, material, support))
    while below[-1] < QUANTILES[-1]:
        support *= 2
        below = np.cumsum(lead_time_demand(world, material, support))
    return [float(np.searchsorted(below, q - ROUNDING)) for q in QUANTILES]


def lead_time_demand(world: World, material: int, most: int) -> np.ndarray:
    """P(demand over the lead time = 0, 1, …, most) of one material."""
    p01, p11 = world.chain.p01[material], world.chain.p11[material]
    width = 2 * (most + 1)
    size = np.fft.rfft(world.sizes.pmf(material, most), width)
    ends, counts = _ends(world.lead_times.pmf(material))
    total, idle, busy = np.zeros(most + 1), np.zeros(most + 1), np.zeros(most + 1)
    (busy if world.last_state[material] else idle)[0] = 1.0
    for month in range(1, len(ends)):
        stays = idle * (1.0 - p01) + busy * (1.0 - p11)
        asks = idle * p01 + busy * p11
        asked = np.fft.irfft(np.fft.rfft(asks, width) * size, width)[: most + 1]
        total += ends[month] * stays + counts[month] * asked + (ends[month] - counts[month]) * asks
        idle, busy = stays, asked
    return total


def _ends(days: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """By number of months: the probability that the lead time ends then, and that its last month's demand also counts.

    ``days``: probabilities of 0, 1, … days.
    """
    time = np.maximum(np.arange(len(days)) / DAYS_A_MONTH, 1.0)
    months = np.ceil(time)
    ends = np.bincount(months.astype(int), days)
    counts = np.bincount(months.astype(int), days * (1.0 - (months - time)))
    last = int(np.flatnonzero(ends)[-1])
    return ends[: last + 1], counts[: last + 1]
