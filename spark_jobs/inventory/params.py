"""Thresholds of the inventory pipeline. Quantities are in the material's own unit, lead times in months."""

from collections.abc import Sequence
from dataclasses import dataclass

from spark_jobs.common import params as common

MODES = ("bootstrap", "exact")


@dataclass(frozen=True)
class InventoryParams:
    """Flat, with units in the names; defaults from the specification unless a comment says otherwise."""

    # Demand model. kappa weighs the rates of a material's class as this many months of its own; 0: raw rates.
    kappa: float = 2.0
    # A lead time begins when stock was taken; otherwise after the last observed month.
    each_lead_time_starts_with_demand: bool = False
    # Sizes that were never seen. Off: on a public set of spare parts jitter raises the value of the 95 % reorder points
    # by a quarter, so a back-test has to earn it.
    jitter: bool = False

    # How the distribution of lead-time demand is found.
    mode: str = "bootstrap"
    iterations: int = 10_000
    seed: int = 1

    # What is asked of it: cycle-service levels to publish beside the one of the material's criticality.
    targets: tuple[float, ...] = (0.5, 0.9, 0.95, 0.99)
    service_level_h: float = 0.99
    service_level_m: float = 0.95
    service_level_l: float = 0.90
    service_level_unknown: float = 0.90

    # Materials are spread evenly over this many tasks; left alone, Spark merges such small rows into one.
    apply_tasks: int = 16
    # Every file that has landed since then is part of the history.
    history_reach_days: int = 36_525

    def __post_init__(self) -> None:
        levels = (*self.targets, self.service_level_h, self.service_level_m, self.service_level_l)
        if not all(0.0 < level < 1.0 for level in (*levels, self.service_level_unknown)):
            raise ValueError("Targets and service levels lie between 0 and 1.")
        if len(set(self.targets)) != len(self.targets):
            raise ValueError("The param targets names a target twice.")
        if self.mode not in MODES:
            raise ValueError(f"The param mode is one of {', '.join(MODES)}, not {self.mode!r}.")
        if self.mode == "exact" and self.jitter:
            raise ValueError("The exact mode knows no jitter: set mode=bootstrap or jitter=false.")
        if self.kappa < 0 or self.iterations < 2 or self.apply_tasks < 1:
            raise ValueError("kappa is at least 0, iterations at least 2 and apply_tasks at least 1.")

    def service_level(self, criticality: str | None) -> float:
        """The cycle-service level that materials of a criticality get."""
        known = {"H": self.service_level_h, "M": self.service_level_m, "L": self.service_level_l}
        return known.get(criticality or "", self.service_level_unknown)


def for_cadence(cadence: str) -> InventoryParams:
    """The params of ``nightly``; raises ``ValueError`` for any other cadence."""
    if cadence != "nightly":
        raise ValueError(f"The pipeline inventory has no cadence {cadence!r}: stock levels are recommended nightly.")
    return InventoryParams()


def with_overrides(params: InventoryParams, overrides: Sequence[str]) -> InventoryParams:
    """Params with ``NAME=VALUE`` put in, e.g. ``targets=.5,.9``; raises ``ValueError`` for what makes no sense."""
    return common.with_overrides(params, overrides)
