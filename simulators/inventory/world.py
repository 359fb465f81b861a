"""The world: every material with its process, and the demand that came of it."""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from simulators.inventory.chain import Chain, draw_chain
from simulators.inventory.disturbances import NEVER_DIES, Disturbances, draw_disturbances
from simulators.inventory.landing import numbered, pick
from simulators.inventory.lead_time import LeadTimes, draw_lead_times
from simulators.inventory.preset import CRITICALITIES, KINDS, Settings, shares
from simulators.inventory.sizes import Sizes, draw_sizes

UOMS, UOM_SHARES = ("EA", "M", "KG"), (0.92, 0.05, 0.03)


@dataclass(frozen=True)
class World:
    """Arrays of shape (materials,). ``quantities``: units before noise, shape (materials, months); ``last_state``: of the
    chain in the last month, 0 after a death; ``raw``: lands as movements; ``size_mean`` in units, ``size_cv2`` without unit.
    """

    settings: Settings
    calendar: np.ndarray
    location: np.ndarray
    kind: np.ndarray
    criticality: np.ndarray
    uom: np.ndarray
    raw: np.ndarray
    chain: Chain
    sizes: Sizes
    size_mean: np.ndarray
    size_cv2: np.ndarray
    lead_times: LeadTimes
    disturbances: Disturbances
    quantities: np.ndarray
    last_state: np.ndarray

    @property
    def location_ids(self) -> pa.Array:
        count = self.settings.locations
        return pick(["_"] if count == 1 else [f"L{n:02d}" for n in range(count)], self.location)

    @property
    def material_ids(self) -> pa.Array:
        return numbered("M", len(self.kind), 6)

    @property
    def reliable(self) -> np.ndarray:
        """Months whose books are there, shape (months,)."""
        return np.asarray(np.arange(len(self.calendar)) != self.disturbances.unreliable)

    @property
    def first_observed(self) -> np.ndarray:
        """Index of the first observed month, -1 where there is none: of a raw material, that of its first issue."""
        asked = (self.quantities > 0) & self.reliable
        first_issue = np.where(asked.any(axis=1), asked.argmax(axis=1), -1)
        return np.where(self.raw, first_issue, 0)


def simulate_world(settings: Settings) -> World:
    """Draw every material's process and let it run."""
    preset, count, calendar = settings.preset, settings.materials, settings.calendar()
    rng = settings.stream("materials")
    kind = rng.choice(len(KINDS), count, p=shares(preset.kind_shares))
    # Zipf: shares fall as 1 / rank.
    ranks = 1.0 / np.arange(1, settings.locations + 1)
    chain = draw_chain(settings.stream("chain"), preset, kind)
    sizes = draw_sizes(settings.stream("sizes"), kind)
    disturbances = draw_disturbances(settings, kind)
    rng_run = settings.stream("demand")
    busy = chain.run(rng_run, settings.months)
    quantities = np.zeros(busy.shape, dtype=np.int64)
    quantities[busy] = sizes.draw(rng_run, np.nonzero(busy)[0])
    disturbances.disturb(settings.stream("shutdowns"), quantities, sizes, calendar)
    size_mean, size_cv2 = sizes.moments()
    return World(
        settings=settings,
        calendar=calendar,
        location=rng.choice(settings.locations, count, p=ranks / ranks.sum()),
        kind=kind,
        criticality=rng.choice(len(CRITICALITIES), count, p=shares(preset.criticality_shares)),
        uom=rng.choice(len(UOMS), count, p=UOM_SHARES),
        raw=settings.stream("raw").random(count) < settings.raw_share,
        chain=chain,
        sizes=sizes,
        size_mean=size_mean,
        size_cv2=size_cv2,
        lead_times=draw_lead_times(settings.stream("lead_times"), preset, count),
        disturbances=disturbances,
        quantities=quantities,
        last_state=(busy[:, -1] & (disturbances.death == NEVER_DIES)).astype(np.int64),
    )
