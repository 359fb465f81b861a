"""Back-test of one material: what each method would have recommended, held against the months that followed."""

import logging
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from expectations.inventory.methods import CURRENT
from spark_jobs.inventory import batches
from spark_jobs.inventory.chain import fit
from spark_jobs.inventory.classes import classify
from spark_jobs.inventory.distribution import Distribution
from spark_jobs.inventory.lead_time import months_of
from spark_jobs.inventory.models import MODELS
from spark_jobs.inventory.params import BOOTSTRAP, BOOTSTRAP_JITTER, EXACT, InventoryParams
from spark_jobs.inventory.philox import key_of
from spark_jobs.inventory.policy import Outcome, run_policy
from spark_jobs.inventory.solve import Material, Pools, can_use, known, segment_of, simulated

# Every one for every material, so that segments compare the same materials.
METHODS = (BOOTSTRAP, BOOTSTRAP_JITTER, EXACT, *MODELS)
_log = logging.getLogger(__name__)
TRIAL = pa.schema(
    [
        *[(name, pa.string()) for name in ("location_id", "material_id", "segment", "class", "criticality", "method")],
        ("target", pa.float64()),
        *[(name, pa.int64()) for name in ("windows", "covered", "months", "stockout_months")],
        *[(name, pa.float64()) for name in ("demand", "filled", "mean_stock")],
    ]
)


@dataclass(frozen=True)
class LeadTime:
    """A lead time of the past: ``begin``, months of history before it, and the ``demand`` (units) that came within it."""

    begin: int
    demand: float


@dataclass(frozen=True)
class Levels:
    """The levels in use today, in units; None where there are none."""

    order_at: float | None
    order_up_to: float | None


def trials(histories: Iterable[pa.RecordBatch], params: InventoryParams, pools: Pools) -> Iterator[pa.RecordBatch]:
    """Rows by material, method and target; each batch as `batches.materials` reads it, with min_level and max_level."""
    for batch in histories:
        levels = map(Levels, batch.column("min_level").to_pylist(), batch.column("max_level").to_pylist())
        rows: list[dict[str, Any]] = []
        for material, current in zip(batches.materials(batch), levels, strict=True):
            try:
                rows += judged(material, params, pools, current)
            except Exception:  # It belongs to this material and stops no other: `recommendations` tells of it.
                _log.exception("The back-test leaves out %s/%s.", material.location_id, material.material_id)
        yield pa.RecordBatch.from_pylist(rows, schema=TRIAL)


def judged(
    material: Material, params: InventoryParams, pools: Pools, current: Levels = Levels(None, None)
) -> list[dict[str, Any]]:
    """One row a method and target; none for a material whose history is too short, or without demand or lead time."""
    past = lead_times_of_the_past(material, params)
    begin = max(len(material.quantities) - params.backtest_months, params.backtest_history_months)
    if not past or not (material.quantities[: min(begin, past[-1].begin)] > 0).any():
        return []
    params = replace(params, iterations=params.backtest_iterations, most_iterations=params.backtest_iterations)
    size = _order_size(material.quantities[:begin])
    rows = []
    for method in METHODS:
        found = [fitted(method, material, time.begin, params, pools) for time in past]
        at_start = fitted(method, material, begin, params, pools)
        for target in params.service_levels:
            points = [demand.reorder_point(target).point for demand in found]
            order_at = at_start.reorder_point(target).point
            outcome = _run(material, begin, order_at, order_at + size)
            rows.append(_row(material, params, method, target, points, past, outcome))
    if current.order_at is not None:
        points = [current.order_at] * len(past)
        order_up_to = current.order_at + size if current.order_up_to is None else current.order_up_to
        outcome = _run(material, begin, current.order_at, order_up_to)
        rows += [_row(material, params, CURRENT, target, points, past, outcome) for target in params.service_levels]
    return rows


def lead_times_of_the_past(material: Material, params: InventoryParams) -> list[LeadTime]:
    """Lead times that follow each other up to the end of the history, the latest first; each one of the material's own.

    The demand of a last month of which only a fraction belongs to the lead time counts with that probability, as in the
    chain.
    """
    if not material.lead_times:
        return []
    key = key_of(params.seed, material.location_id, f"{material.material_id}\x1fpast")
    draw = np.random.Generator(np.random.Philox(key=key))
    end, found = len(material.quantities), []
    for _ in range(params.backtest_windows):
        months, kept = months_of(material.lead_times[int(draw.integers(len(material.lead_times)))])
        begin = end - months
        if begin < params.backtest_history_months:
            break
        last = float(material.quantities[end - 1]) if draw.random() < kept else 0.0
        found.append(LeadTime(begin, float(material.quantities[begin : end - 1].sum()) + last))
        end = begin
    return found


def fitted(method: str, material: Material, begin: int, params: InventoryParams, pools: Pools) -> Distribution:
    """The distribution that a method would have told after the first ``begin`` months, at least one of them with demand.

    What is not known by month is taken as it is known now: the rates of the class, towards which a short history is drawn,
    and the lead times.
    """
    then = replace(material, quantities=material.quantities[:begin])
    pool = pools.rates.get(classify(then.quantities).name)
    chain = fit(then.quantities, params.kappa, pool, params.each_lead_time_starts_with_demand)
    if method not in (BOOTSTRAP, BOOTSTRAP_JITTER) and can_use(method, then):
        return known(method, then, chain)
    return simulated(then, chain, replace(params, jitter=method == BOOTSTRAP_JITTER), params.service_levels[-1])


def _order_size(quantities: NDArray[np.float64]) -> float:
    """Units of one order in the back-test, the same for every method: a year's demand in four, at least one."""
    return max(1.0, float(np.ceil(quantities.mean() * 3.0)))


def _run(material: Material, begin: int, order_at: float, order_up_to: float) -> Outcome:
    months = months_of(material.lead_time_mean or 1.0)[0]
    return run_policy(material.quantities[begin:], order_at, order_up_to, months)


def _row(
    material: Material,
    params: InventoryParams,
    method: str,
    target: float,
    points: list[float],
    past: list[LeadTime],
    outcome: Outcome,
) -> dict[str, Any]:
    found = classify(material.quantities).name
    return {
        "location_id": material.location_id,
        "material_id": material.material_id,
        "segment": segment_of(found, material.criticality),
        "class": found,
        "criticality": material.criticality,
        "method": method,
        "target": target,
        "windows": len(past),
        "covered": sum(time.demand <= point for time, point in zip(past, points, strict=True)),
        **vars(outcome),
    }
