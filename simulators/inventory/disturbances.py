"""What is not the stationary chain: shutdowns, obsolescence and a month whose books are lost."""

from dataclasses import dataclass

import numpy as np

from simulators.inventory.preset import KINDS, Settings
from simulators.inventory.sizes import Sizes

SHUTDOWN_SHARE, SHUTDOWN_CHANCE, SHUTDOWN_FACTOR = 0.15, 0.7, 2
OBSOLETE_SHARE = 0.05
NEVER_DIES = -1


@dataclass(frozen=True)
class Disturbances:
    """``shutdown``: materials with extra demand in the month of the year ``shutdown_month`` (1 to 12); ``death``: index of
    the first month without any demand, or NEVER_DIES; ``unreliable``: index of the month whose rows are missing for all,
    or None.
    """

    shutdown: np.ndarray
    shutdown_month: int
    death: np.ndarray
    unreliable: int | None

    def disturb(self, rng: np.random.Generator, quantities: np.ndarray, sizes: Sizes, calendar: np.ndarray) -> None:
        """Put shutdowns and deaths into ``quantities``, units, shape (materials, months), in place."""
        in_season = calendar.astype(int) % 12 + 1 == self.shutdown_month
        spikes = self.shutdown[:, None] & in_season & (rng.random(quantities.shape) < SHUTDOWN_CHANCE)
        quantities[spikes] += SHUTDOWN_FACTOR * sizes.draw(rng, np.nonzero(spikes)[0])
        dies = self.death != NEVER_DIES
        dead = dies[:, None] & (np.arange(len(calendar)) >= self.death[:, None])
        quantities[dead] = 0


def draw_disturbances(settings: Settings, kind: np.ndarray) -> Disturbances:
    """Who is hit. A death lies in the second half, the unreliable month neither first nor last."""
    rng = settings.stream("disturbances")
    asked = kind != KINDS.index("never")
    shutdown = asked & (rng.random(len(kind)) < SHUTDOWN_SHARE * settings.disturbances)
    dies = asked & (rng.random(len(kind)) < OBSOLETE_SHARE * settings.disturbances)
    unreliable = int(rng.integers(1, settings.months - 1))
    return Disturbances(
        shutdown=shutdown,
        shutdown_month=int(rng.integers(1, 13)),
        death=np.where(dies, rng.integers(settings.months // 2, settings.months, len(kind)), NEVER_DIES),
        unreliable=unreliable if settings.disturbances > 0 else None,
    )
