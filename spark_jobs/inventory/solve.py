"""One material: from its history to its reorder points. Pure numpy; knows neither Spark nor any other material."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from spark_jobs.inventory import bootstrap, exact
from spark_jobs.inventory.chain import Chain, Pool, fit
from spark_jobs.inventory.classes import DemandClass, classify
from spark_jobs.inventory.params import InventoryParams
from spark_jobs.inventory.philox import key_of
from spark_jobs.inventory.reorder import (
    Demand,
    ReorderPoint,
    moments_of_distribution,
    moments_of_sample,
    of_distribution,
    of_sample,
)

COMPUTED, NO_DEMAND, FAILED = "computed", "none", "failed"
BOOTSTRAP, EXACT, NO_METHOD = "bootstrap", "exact", "none"


@dataclass(frozen=True)
class Material:
    """``quantities``: units of each observed month in order of time; ``lead_times``: months, none where not known."""

    location_id: str
    material_id: str
    quantities: NDArray[np.float64]
    lead_times: tuple[float, ...]
    criticality: str | None = None


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
    demand: Demand | None = None
    reason: str | None = None

    @property
    def lead_time_mean(self) -> float | None:
        """Months, each lead time of less than one taken as one."""
        times = [max(time, 1.0) for time in self.material.lead_times]
        return sum(times) / len(times) if times else None


def solve(material: Material, params: InventoryParams, pools: dict[str, Pool]) -> Answer:
    """The answer for one material. ``pools``: class -> rates of the class, needed where kappa is above 0."""
    level = params.service_level(material.criticality)
    found, asked = classify(material.quantities), (level, *params.targets)
    sizes = material.quantities[material.quantities > 0]
    if len(sizes) == 0:
        nothing = tuple(ReorderPoint(target, 0.0, 0.0, 0.0) for target in asked)
        months = len(material.quantities)
        said = f"No demand in {months} observed months." if months else "No month was observed."
        return Answer(material, found, level, NO_DEMAND, NO_METHOD, nothing, demand=Demand(0.0, 0.0, 0.0), reason=said)
    if not material.lead_times:
        return Answer(material, found, level, FAILED, NO_METHOD, reason="The lead time is not known.")
    chain = fit(material.quantities, params.kappa, pools.get(found.name), params.each_lead_time_starts_with_demand)
    reasons = _remarks(material, len(sizes))
    method = params.mode
    if method == EXACT and not exact.can_be_exact(sizes, material.lead_times):
        reasons.append("Sizes are fractional or too large for the exact mode.")
        method = BOOTSTRAP
    if method == EXACT:
        points, demand = _exact(chain, sizes, material, asked)
    else:
        points, demand = _bootstrap(chain, sizes, material, asked, params)
    return Answer(material, found, level, COMPUTED, method, points, chain, demand, " ".join(reasons) or None)


def failure(material: Material, params: InventoryParams, error: Exception) -> Answer:
    """What is told of a material that broke the computation."""
    level = params.service_level(material.criticality)
    return Answer(material, None, level, FAILED, NO_METHOD, reason=f"{type(error).__name__}: {error}"[:500])


def _remarks(material: Material, demands: int) -> list[str]:
    remarks = ["One demand only: its size stands for all."] if demands == 1 else []
    if short := [time for time in material.lead_times if time < 1.0]:
        remarks.append(f"A lead time of {min(short):g} months counts as 1.")
    return remarks


def _exact(
    chain: Chain, sizes: NDArray[np.float64], material: Material, asked: Sequence[float]
) -> tuple[tuple[ReorderPoint, ...], Demand]:
    pmf = exact.lead_time_demand(chain, sizes, material.lead_times)
    return tuple(of_distribution(pmf, target) for target in asked), moments_of_distribution(pmf)


def _bootstrap(
    chain: Chain, sizes: NDArray[np.float64], material: Material, asked: Sequence[float], params: InventoryParams
) -> tuple[tuple[ReorderPoint, ...], Demand]:
    key = key_of(params.seed, material.location_id, material.material_id)
    draws = bootstrap.lead_time_demand(key, chain, sizes, material.lead_times, params.iterations, params.jitter)
    # In ascending order, so that the sum behind the mean has one order too.
    draws.sort()
    return tuple(of_sample(draws, target) for target in asked), moments_of_sample(draws)
