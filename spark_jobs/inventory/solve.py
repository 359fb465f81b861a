"""One material: from its history to its reorder points. Pure numpy; knows neither Spark nor any other material."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from spark_jobs.inventory import bootstrap, exact
from spark_jobs.inventory.chain import Chain, Pool, fit
from spark_jobs.inventory.classes import DemandClass, classify
from spark_jobs.inventory.distribution import Distribution, Known, ReorderPoint, Simulated
from spark_jobs.inventory.models import MODELS
from spark_jobs.inventory.params import BOOTSTRAP, BOOTSTRAP_JITTER, EXACT, PICKED, InventoryParams
from spark_jobs.inventory.philox import key_of
from spark_jobs.inventory.tail import PooledTail, Tail, own_tail

COMPUTED, NO_DEMAND, FAILED = "computed", "none", "failed"
NO_METHOD = "none"


@dataclass(frozen=True)
class Material:
    """``quantities``: units of each observed month in order of time; ``lead_times``: months, none where not known."""

    location_id: str
    material_id: str
    quantities: NDArray[np.float64]
    lead_times: tuple[float, ...]
    criticality: str | None = None

    @property
    def lead_time_mean(self) -> float | None:
        """Months, each lead time of less than one taken as one."""
        times = [max(time, 1.0) for time in self.lead_times]
        return sum(times) / len(times) if times else None


@dataclass(frozen=True)
class Pools:
    """What all materials know together: by class its rates and its tail, by segment and target the method picked."""

    rates: Mapping[str, Pool] = field(default_factory=dict)
    tails: Mapping[str, PooledTail] = field(default_factory=dict)
    picks: Mapping[tuple[str, float], str] = field(default_factory=dict)


@dataclass(frozen=True)
class Answer:
    """``points``: the one of the material's own service level, then one a target of the params; empty where it failed.
    ``demand_class`` is None where even that could not be told.
    """

    material: Material
    demand_class: DemandClass | None
    service_level: float
    status: str
    method: str
    points: tuple[ReorderPoint, ...] = ()
    chain: Chain | None = None
    demand: Distribution | None = None
    jitter: bool = False
    tail: Tail | None = None
    reason: str | None = None


def segment_of(demand_class: str, criticality: str | None) -> str:
    """The group that the back-test judges together, e.g. lumpy/H."""
    return f"{demand_class}/{criticality or '-'}"


def solve(material: Material, params: InventoryParams, pools: Pools) -> Answer:
    """The answer for one material."""
    level = params.service_level(material.criticality)
    found = classify(material.quantities)
    if not (material.quantities > 0).any():
        months = len(material.quantities)
        said = f"No demand in {months} observed months." if months else "No month was observed."
        nothing = Known(np.ones(1))
        points = _points(nothing, level, params)
        return Answer(material, found, level, NO_DEMAND, NO_METHOD, points, demand=nothing, reason=said)
    if not material.lead_times:
        return Answer(material, found, level, FAILED, NO_METHOD, reason="The lead time is not known.")
    reasons = _remarks(material)
    method = _method(material, found, level, params, pools, reasons)
    if params.mode == PICKED:
        # As the back-test judged it, whatever the params say of jitter.
        params = replace(params, jitter=method == BOOTSTRAP_JITTER)
    method = BOOTSTRAP if method == BOOTSTRAP_JITTER else method
    chain = fit(
        material.quantities, params.kappa, pools.rates.get(found.name), params.each_lead_time_starts_with_demand
    )
    tail = _tail(material, found, params, pools, reasons) if method == BOOTSTRAP else None
    if method == BOOTSTRAP:
        demand: Distribution = simulated(material, chain, params, level, tail)
    else:
        demand = known(method, material, chain)
    jitter = params.jitter and method == BOOTSTRAP
    points, remarks = _points(demand, level, params), " ".join(reasons) or None
    return Answer(material, found, level, COMPUTED, method, points, chain, demand, jitter, tail, remarks)


def failure(material: Material, params: InventoryParams, error: Exception) -> Answer:
    """What is told of a material that broke the computation."""
    level = params.service_level(material.criticality)
    return Answer(material, None, level, FAILED, NO_METHOD, reason=f"{type(error).__name__}: {error}"[:500])


def can_use(method: str, material: Material) -> bool:
    """Whether a method can tell a material's distribution; only the bootstrap can tell any."""
    sizes = material.quantities[material.quantities > 0]
    return method in (BOOTSTRAP, BOOTSTRAP_JITTER) or exact.by_whole_units(sizes, material.lead_times)


def known(method: str, material: Material, chain: Chain) -> Known:
    """The distribution by any method that simulates nothing."""
    if method == EXACT:
        sizes = material.quantities[material.quantities > 0]
        return Known(exact.lead_time_demand(chain, sizes, material.lead_times))
    return MODELS[method](material.quantities, material.lead_times)


def simulated(
    material: Material, chain: Chain, params: InventoryParams, level: float, tail: Tail | None = None
) -> Simulated:
    """The distribution by the bootstrap; with more iterations while the interval is wide and the params allow more."""
    key = key_of(params.seed, material.location_id, material.material_id)
    sizes, times = material.quantities[material.quantities > 0], material.lead_times
    draws = bootstrap.lead_time_demand(key, chain, sizes, times, params.iterations, params.jitter, tail)
    draws.sort()
    while 2 * len(draws) <= params.most_iterations and _is_wide(Simulated(draws).reorder_point(level)):
        done = len(draws)
        more = bootstrap.lead_time_demand(key, chain, sizes, times, done, params.jitter, tail, first=done)
        draws = np.concatenate((draws, more))
        draws.sort()
    return Simulated(draws)


def _is_wide(point: ReorderPoint) -> bool:
    return point.high - point.low > max(1.0, 0.05 * point.point)


def _points(demand: Distribution, level: float, params: InventoryParams) -> tuple[ReorderPoint, ...]:
    return tuple(demand.reorder_point(target) for target in (level, *params.targets))


def _method(
    material: Material, found: DemandClass, level: float, params: InventoryParams, pools: Pools, reasons: list[str]
) -> str:
    method = params.mode
    if method == PICKED:
        method = pools.picks.get((segment_of(found.name, material.criticality), level), BOOTSTRAP)
        if method != BOOTSTRAP:
            reasons.append("Method picked by the back-test of its segment.")
    if not can_use(method, material):
        reasons.append("Sizes are fractional or too large to be told by whole units.")
        return BOOTSTRAP
    return method


def _tail(
    material: Material, found: DemandClass, params: InventoryParams, pools: Pools, reasons: list[str]
) -> Tail | None:
    """Its own tail where it has sizes enough for one, else that of its class."""
    if not params.tail:
        return None
    sizes = material.quantities[material.quantities > 0]
    own, pooled = own_tail(sizes), pools.tails.get(found.name)
    why_not = own.reason if own else "Too few sizes for a tail of its own."
    if why_not is None:
        return own
    reasons.append(why_not)
    if pooled is None:
        return None
    reasons.append(f"The tail of the class {found.name} is taken.")
    return pooled.of(sizes)


def _remarks(material: Material) -> list[str]:
    demands = int((material.quantities > 0).sum())
    remarks = ["One demand only: its size stands for all."] if demands == 1 else []
    if short := [time for time in material.lead_times if time < 1.0]:
        remarks.append(f"A lead time of {min(short):g} months counts as 1.")
    return remarks
