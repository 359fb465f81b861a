"""The truth: what a perfect method would know.

* ``gt_materials``: the process of each material. ``kind`` is its true class (``never``: no demand), ``adi`` (months) and
  ``size_cv2`` are those of the process, not of its history. ``first_month``: first observed month before noise; that of a
  raw material is the month of its first issue, because the pipeline knows of none before it. ``last_state``: of the chain.
* ``gt_months``: units of every month of the raw materials from their first issue on. The unreliable month is among them,
  with the true units: nothing of it has landed, so that a reader of movements takes it for a month without demand.
* ``gt_planted``: every row that the noise spoilt or took away, and the unreliable month.
* ``gt_quantiles``: of lead-time demand, for the first materials (`quantiles.py`).
"""

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from simulators.inventory.disturbances import NEVER_DIES
from simulators.inventory.landing import known, pick
from simulators.inventory.lead_time import GAMMA, LAWS, TWO_POINT
from simulators.inventory.noise import Spot, spot
from simulators.inventory.preset import KINDS
from simulators.inventory.sizes import FAMILIES, GPD, LOGNORMAL, NEGATIVE_BINOMIAL
from simulators.inventory.world import World


def materials(world: World) -> pa.Table:
    """gt_materials: one row a material."""
    asked, hit = world.chain.share > 0, world.disturbances
    adi = np.divide(1.0, world.chain.share, where=asked, out=np.ones(len(asked)))
    return pa.table(
        {
            "location_id": world.location_ids,
            "material_id": world.material_ids,
            "kind": pick(KINDS, world.kind),
            "adi": known(adi, asked),
            "p01": world.chain.p01,
            "p11": world.chain.p11,
            "last_state": world.last_state,
            **_sizes(world),
            **_lead_times(world),
            "raw": world.raw,
            "first_month": _month(world, world.first_observed),
            "death_month": _month(world, hit.death),
            "shutdown_month": known(np.full(len(asked), hit.shutdown_month), hit.shutdown),
        }
    )


def _sizes(world: World) -> dict[str, pa.Array]:
    """Family and parameters; a parameter is null where the family does not have it."""
    law = world.sizes
    return {
        "size_family": pick(FAMILIES, law.family),
        "size_mean": world.size_mean,
        "size_cv2": world.size_cv2,
        "size_dispersion": known(law.second, law.family == NEGATIVE_BINOMIAL),
        "size_mu": known(law.first, law.family == LOGNORMAL),
        "size_sigma": known(law.second, law.family == LOGNORMAL),
        "size_beta": known(law.first, law.family == GPD),
        "size_xi": known(law.second, law.family == GPD),
    }


def _lead_times(world: World) -> dict[str, pa.Array]:
    law = world.lead_times
    return {
        "lead_time_law": pick(LAWS, law.law),
        "lead_time_mean_months": law.planned_months,
        "lead_time_shape": known(law.shape, law.law == GAMMA),
        "lead_time_short_days": known(law.short_days, law.law == TWO_POINT),
        "lead_time_long_days": known(law.long_days, law.law == TWO_POINT),
        "lead_time_most_days": np.full(len(law.law), law.most_days),
    }


def months(world: World) -> pa.Table:
    """gt_months: location_id, material_id, month, qty of the raw materials."""
    first = world.first_observed[:, None]
    owner, month = np.nonzero(world.raw[:, None] & (first >= 0) & (np.arange(len(world.calendar)) >= first))
    return pa.table(
        {
            "location_id": world.location_ids.take(pa.array(owner)),
            "material_id": world.material_ids.take(pa.array(owner)),
            "month": _month(world, month),
            "qty": world.quantities[owner, month].astype(float),
        }
    )


def planted(world: World, spoilt: Sequence[Spot]) -> pa.Table:
    """gt_planted: table, what, location_id, material_id, month, document_id; null where one does not apply."""
    if (unreliable := world.disturbances.unreliable) is not None:
        nobody = np.array([NEVER_DIES])
        spoilt = [*spoilt, spot("monthly_demand", "unreliable_month", nobody, np.array([unreliable]))]
    return pa.concat_tables([_planted(world, rows) for rows in spoilt])


def _planted(world: World, rows: Spot) -> pa.Table:
    count = len(rows.material)
    owner = known(rows.material, rows.material >= 0)
    documents = pc.utf8_lpad(pc.cast(known(rows.document, rows.document >= 0), pa.string()), 9, "0")
    return pa.table(
        {
            "table": pick([rows.table], np.zeros(count, dtype=int)),
            "what": pick([rows.what], np.zeros(count, dtype=int)),
            "location_id": world.location_ids.take(owner),
            "material_id": world.material_ids.take(owner),
            "month": _month(world, rows.month),
            "document_id": pc.binary_join_element_wise(pa.scalar("D"), documents, ""),
        }
    )


def _month(world: World, index: np.ndarray) -> pa.Array:
    """First days of months by index; null where the index is below 0."""
    return known(world.calendar.astype("datetime64[D]")[index], index >= 0)
