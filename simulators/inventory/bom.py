"""Bills of materials: which equipment of a location needs a material, and how critical that equipment is."""

import numpy as np
import pyarrow as pa

from simulators.inventory.landing import pick
from simulators.inventory.preset import CRITICALITIES
from simulators.inventory.world import World

# Equipment of a location by criticality; its number says which: H, M, L in turn.
KINDS_OF_EQUIPMENT, EQUIPMENT_OF_A_KIND = 3, 200
LISTED_SHARE, MORE_ROWS = 0.6, 1.0
# The master's criticality is mostly that of the equipment; otherwise any.
AGREES_SHARE = 0.8
PIECES_MOST, INSTALLED_MORE = 4, 2.0


def bill(world: World) -> tuple[pa.Table, np.ndarray]:
    """Rows of bom, and the installed pieces of equipment by material (NaN where no row names it)."""
    rng = world.settings.stream("bom")
    owner, equipment = _listed(world, rng)
    places = (world.settings.locations, KINDS_OF_EQUIPMENT * EQUIPMENT_OF_A_KIND)
    installed = 1 + rng.poisson(INSTALLED_MORE, places)[world.location[owner], equipment]
    names = [f"E{number:04d}" for number in range(places[1])]
    rows = pa.table(
        {
            "location_id": world.location_ids.take(pa.array(owner)),
            "equipment_id": pick(names, equipment),
            "material_id": world.material_ids.take(pa.array(owner)),
            "qty": rng.integers(1, PIECES_MOST + 1, len(owner)),
            "equipment_criticality": pick(CRITICALITIES, equipment % KINDS_OF_EQUIPMENT),
            "installed_count": installed,
        }
    )
    total = np.bincount(owner, installed, len(world.kind))
    return rows, np.where(total > 0, total, np.nan)


def _listed(world: World, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Material index and equipment number of each row, no pair twice."""
    count = len(world.kind)
    rows = np.where(rng.random(count) < LISTED_SHARE, 1 + rng.poisson(MORE_ROWS, count), 0)
    owner = np.repeat(np.arange(count), rows)
    judged, any_kind = world.criticality[owner], rng.integers(0, KINDS_OF_EQUIPMENT, len(owner))
    agrees = (judged < KINDS_OF_EQUIPMENT) & (rng.random(len(owner)) < AGREES_SHARE)
    kind = np.where(agrees, judged, any_kind)
    equipment = rng.integers(0, EQUIPMENT_OF_A_KIND, len(owner)) * KINDS_OF_EQUIPMENT + kind
    most = KINDS_OF_EQUIPMENT * EQUIPMENT_OF_A_KIND
    pairs = np.unique(owner * most + equipment)
    return pairs // most, pairs % most
