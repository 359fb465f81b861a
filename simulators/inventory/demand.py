"""Monthly demand: every observed month of the materials that do not land as movements."""

from collections.abc import Iterator

import numpy as np
import pyarrow as pa

from simulators.inventory.noise import Spoilt, spoil_months
from simulators.inventory.world import World

MATERIALS_A_BATCH = 4096


def monthly_demand(world: World) -> tuple[Iterator[pa.Table], Spoilt]:
    """Rows of monthly_demand, in batches of some materials, and what the noise did to them."""
    cells = world.quantities.copy()
    landed = ~world.raw[:, None] & world.reliable
    spoilt = spoil_months(world.settings, cells, landed)
    return _batches(world, cells, landed), spoilt


def _batches(world: World, cells: np.ndarray, landed: np.ndarray) -> Iterator[pa.Table]:
    locations, materials = world.location_ids, world.material_ids
    months = world.calendar.astype("datetime64[D]")
    for first in range(0, len(cells), MATERIALS_A_BATCH):
        part = slice(first, first + MATERIALS_A_BATCH)
        owner, month = np.nonzero(landed[part])
        names = pa.array(owner + first)
        yield pa.table(
            {
                "location_id": locations.take(names),
                "material_id": materials.take(names),
                "month": months[month],
                "qty": cells[part][landed[part]],
            }
        )
