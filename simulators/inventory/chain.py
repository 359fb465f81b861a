"""Months with and without demand: a two-state Markov chain per material, from its stationary state."""

from dataclasses import dataclass

import numpy as np

from simulators.inventory.preset import KINDS, Preset

# Months without demand are followed by one with it rarely; one with demand, somewhat more often.
P01_RANGE = (0.02, 0.25)
P11_ABOVE_P01 = (0.0, 0.3)


@dataclass(frozen=True)
class Chain:
    """Probability of demand after a month without (``p01``) and with it (``p11``); shape (materials,)."""

    p01: np.ndarray
    p11: np.ndarray

    @property
    def share(self) -> np.ndarray:
        """Share of months with demand in the long run; the true ADI is 1 / share."""
        return np.asarray(self.p01 / (1.0 - self.p11 + self.p01))

    def run(self, rng: np.random.Generator, months: int) -> np.ndarray:
        """Whether each month has demand, shape (materials, months)."""
        busy = np.empty((len(self.p01), months), dtype=bool)
        state = rng.random(len(self.p01)) < self.share
        for month in range(months):
            state = rng.random(len(self.p01)) < np.where(state, self.p11, self.p01)
            busy[:, month] = state
        return busy


def draw_chain(rng: np.random.Generator, preset: Preset, kind: np.ndarray) -> Chain:
    """A chain for each material; one that is never asked for stays in state 0."""
    above = rng.uniform(*P11_ABOVE_P01, len(kind))
    adi = preset.adi_months
    p01 = rng.uniform(*P01_RANGE, len(kind)) if adi is None else (1.0 - above) / rng.triangular(*adi, len(kind))
    asked = kind != KINDS.index("never")
    return Chain(p01=np.where(asked, p01, 0.0), p11=np.where(asked, p01 + above, 0.0))
