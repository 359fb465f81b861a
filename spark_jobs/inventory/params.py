"""Thresholds of the inventory pipeline. Quantities are in the material's own unit, lead times in months."""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from datetime import date

from spark_jobs.common import params as common

BOOTSTRAP, EXACT, PICKED = "bootstrap", "exact", "picked"
# A method of the back-test: the bootstrap with sizes that were never seen.
BOOTSTRAP_JITTER = "bootstrap_jitter"
MODES = (BOOTSTRAP, EXACT, PICKED)
CHANGED, FULL, WEEKLY = "changed", "full", "weekly"
# Raise it when the code changes what is computed: every material is then computed anew.
MODEL_VERSION = 1
# Params that change how much is computed, and not what.
_NOT_OF_THE_MODEL = ("recompute", "full_on_weekday", "apply_tasks", "history_reach_days", "closeups")


@dataclass(frozen=True)
class InventoryParams:
    """Flat, with units in the names; defaults from the specification unless a comment says otherwise."""

    # Demand. A return is taken off the issues of so many days before it.
    return_reach_days: int = 90
    # Months that are known to be wrong, as 2024-03,2024-04: removed and not zeroed.
    unreliable_months: str = ""

    # Demand model. kappa weighs the rates of a material's class as this many months of its own; 0: raw rates.
    kappa: float = 2.0
    # A lead time begins when stock was taken; otherwise after the last observed month.
    each_lead_time_starts_with_demand: bool = False
    # Sizes that were never seen. Off: on a public set of spare parts jitter raises the value of the 95 % reorder points
    # by a quarter, so a back-test has to earn it.
    jitter: bool = False
    # Sizes above the 90th percentile from a generalised Pareto tail, of the material's own sizes where there are
    # enough, else of its class. Off for the same reason.
    tail: bool = False

    # How the distribution of lead-time demand is found; picked: by the method that the back-test picks for its segment.
    mode: str = PICKED
    iterations: int = 10_000
    # Above iterations: twice as many, and again up to this, while the interval is wider than a unit and 5 % of rop.
    most_iterations: int = 10_000
    seed: int = 1

    # What is asked of it: cycle-service levels to publish beside the one of the material's criticality.
    targets: tuple[float, ...] = (0.5, 0.9, 0.95, 0.99)
    quantiles: tuple[float, ...] = (0.5, 0.75, 0.9, 0.95, 0.975, 0.99, 0.995, 0.999)
    service_level_h: float = 0.99
    service_level_m: float = 0.95
    service_level_l: float = 0.90
    service_level_unknown: float = 0.90
    # A material that stops the plant and takes longer than this has one in stock at least.
    floor_from_lead_time_days: float = 90.0

    # Criticality score where the plant gives no criticality.
    score_weight_equipment: float = 0.5
    score_weight_lead_time: float = 0.3
    score_weight_usage: float = 0.2
    score_from_h: float = 0.7
    score_from_m: float = 0.4

    # Economics: share of the price that a unit in stock costs a year; cost of an order in the currency of the prices.
    holding_rate_per_year: float = 0.25
    order_cost: float = 50.0
    # P(a missing part stops something), by criticality, for materials whose downtime has a cost.
    downtime_risk_h: float = 1.0
    downtime_risk_m: float = 0.3
    downtime_risk_l: float = 0.05
    # A material with fewer demands a year is slow; one that takes longer than this cannot be waited for.
    slow_below_demands_per_year: float = 1.0
    short_lead_time_days: float = 30.0

    # Back-test: so many lead times a material, each fitted to at least this many months; a stock is run over the last
    # months. With more materials than the most, an even sample by the hash of the name.
    backtest_windows: int = 4
    backtest_history_months: int = 24
    backtest_months: int = 24
    backtest_most_materials: int = 5_000
    backtest_iterations: int = 2_000

    # Which materials to compute anew: full, changed, or weekly: changed, and all of them on one day (Monday is 0).
    recompute: str = WEEKLY
    full_on_weekday: int = 6
    # Materials with a whole distribution and a convergence for the report, those of the largest change in value.
    closeups: int = 12

    # Materials are spread evenly over this many tasks; left alone, Spark merges such small rows into one.
    apply_tasks: int = 16
    # Every file that has landed since then is part of the history.
    history_reach_days: int = 36_525

    def __post_init__(self) -> None:
        levels = (*self.targets, *self.quantiles, self.service_level_h, self.service_level_m, self.service_level_l)
        if not all(0.0 < level < 1.0 for level in (*levels, self.service_level_unknown)):
            raise ValueError("Targets, quantiles and service levels lie between 0 and 1.")
        if len(set(self.targets)) != len(self.targets) or len(set(self.quantiles)) != len(self.quantiles):
            raise ValueError("The params targets and quantiles name each level once.")
        for name, words in (("mode", MODES), ("recompute", (CHANGED, FULL, WEEKLY))):
            if getattr(self, name) not in words:
                raise ValueError(f"The param {name} is one of {', '.join(words)}, not {getattr(self, name)!r}.")
        if self.mode == EXACT and (self.jitter or self.tail):
            raise ValueError(
                "The exact mode knows no jitter and no tail: set mode=bootstrap, or jitter and tail false."
            )
        if self.kappa < 0 or self.iterations < 2 or self.apply_tasks < 1 or self.backtest_windows < 1:
            raise ValueError("kappa is at least 0, iterations at least 2, apply_tasks and backtest_windows at least 1.")
        if not 0 <= self.full_on_weekday <= 6:
            raise ValueError("The param full_on_weekday is 0 (Monday) to 6 (Sunday).")
        for month in self.unreliable:
            try:
                date.fromisoformat(f"{month}-01")
            except ValueError:
                raise ValueError(f"The param unreliable_months lists months like 2024-03, not {month!r}.") from None

    @property
    def unreliable(self) -> list[str]:
        """The months of ``unreliable_months``."""
        return [month.strip() for month in self.unreliable_months.split(",") if month.strip()]

    @property
    def model(self) -> str:
        """The version of the model and all params that a recommendation is computed from, as text."""
        told = {field.name: getattr(self, field.name) for field in fields(self)}
        return repr((MODEL_VERSION, {name: value for name, value in told.items() if name not in _NOT_OF_THE_MODEL}))

    def service_level(self, criticality: str | None) -> float:
        """The cycle-service level that materials of a criticality get."""
        known = {"H": self.service_level_h, "M": self.service_level_m, "L": self.service_level_l}
        return known.get(criticality or "", self.service_level_unknown)

    @property
    def service_levels(self) -> tuple[float, ...]:
        """All levels that anything is asked of, ascending."""
        own = (self.service_level_h, self.service_level_m, self.service_level_l, self.service_level_unknown)
        return tuple(sorted({*self.targets, *own}))

    def computes_all(self, day: date) -> bool:
        """Whether the run of a business day computes all materials, or those that changed."""
        return self.recompute == FULL or (self.recompute == WEEKLY and day.weekday() == self.full_on_weekday)


def for_cadence(cadence: str) -> InventoryParams:
    """The params of ``nightly``; raises ``ValueError`` for any other cadence."""
    if cadence != "nightly":
        raise ValueError(f"The pipeline inventory has no cadence {cadence!r}: stock levels are recommended nightly.")
    return InventoryParams()


def with_overrides(params: InventoryParams, overrides: Sequence[str]) -> InventoryParams:
    """Params with ``NAME=VALUE`` put in, e.g. ``targets=.5,.9``; raises ``ValueError`` for what makes no sense."""
    return common.with_overrides(params, overrides)
