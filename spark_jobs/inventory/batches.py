"""Arrow batches of whole histories in, batches of answers out: what runs in Spark's Python workers."""

import time
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
import pyarrow as pa

from spark_jobs.inventory import solve as one
from spark_jobs.inventory.chain import transitions
from spark_jobs.inventory.classes import classify
from spark_jobs.inventory.params import InventoryParams

# A row of a batch that comes in: location_id, material_id, criticality, lead_times and quantities (arrays of double),
# stock_now (units, null where not known).
POINT = pa.struct([(name, pa.float64()) for name in ("target", "point", "low", "high")])
QUANTILE = pa.struct([(name, pa.float64()) for name in ("q", "value")])
ANSWER = pa.schema(
    [
        *[(name, pa.string()) for name in ("location_id", "material_id", "class")],
        *[(name, pa.int64()) for name in ("n_periods", "n_nonzero", "n_iterations")],
        *[(name, pa.float64()) for name in ("adi", "cv2", "p01", "p11", "lt_mean", "ltd_mean", "ltd_sd", "ltd_mcse")],
        *[(name, pa.float64()) for name in ("service_level", "rop", "rop_lo", "rop_hi", "shortage", "shortage_now")],
        *[(name, pa.float64()) for name in ("gpd_xi", "gpd_beta")],
        ("method", pa.string()),
        ("jitter", pa.bool_()),
        ("status", pa.string()),
        ("reason", pa.string()),
        ("points", pa.list_(POINT)),
        ("quantiles", pa.list_(QUANTILE)),
        ("task", pa.int64()),
        ("seconds", pa.float64()),
    ]
)
SIZES = pa.schema([("class", pa.string()), ("size", pa.float64())])
STEPS = pa.schema([("class", pa.string()), *[(name, pa.int64()) for name in ("n0", "n01", "n1", "n11")]])


def steps(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """The class and the counts of transitions of each history, for the pools of the classes."""
    for batch in batches:
        rows = []
        for material in materials(batch):
            counts = transitions(material.quantities)
            rows.append({"class": classify(material.quantities).name, **vars(counts)})
        yield pa.RecordBatch.from_pylist(rows, schema=STEPS)


def scaled_sizes(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """The class and each size of every history, divided by the history's mean size, for the tails of the classes."""
    for batch in batches:
        rows = []
        for material in materials(batch):
            sizes = material.quantities[material.quantities > 0]
            name = classify(material.quantities).name
            rows += [{"class": name, "size": size} for size in sizes / sizes.mean()] if len(sizes) else []
        yield pa.RecordBatch.from_pylist(rows, schema=SIZES)


def answers(batches: Iterable[pa.RecordBatch], params: InventoryParams, pools: one.Pools) -> Iterator[pa.RecordBatch]:
    """One answer a material. A material that breaks the computation is told as failed and stops no other."""
    task = _task()
    for batch in batches:
        rows, began = [], time.perf_counter()
        stocks = batch.column("stock_now").to_pylist()
        for material, stock in zip(materials(batch), stocks, strict=True):
            row = _solved(material, stock, params, pools)
            now = time.perf_counter()
            rows.append(row | {"task": task, "seconds": now - began})
            began = now
        yield pa.RecordBatch.from_pylist(rows, schema=ANSWER)


def materials(batch: pa.RecordBatch) -> Iterator[one.Material]:
    """The materials of a batch, one a row."""
    columns = [batch.column(name) for name in ("location_id", "material_id", "criticality", "lead_times", "quantities")]
    for location, material, criticality, lead_times, quantities in zip(*columns, strict=True):
        yield one.Material(
            location.as_py(),
            material.as_py(),
            quantities.values.to_numpy(zero_copy_only=False).astype(np.float64, copy=False),
            tuple(lead_times.as_py()),
            criticality.as_py(),
        )


def _task() -> int:
    """The number of the Spark task that this runs in; -1 outside of one."""
    from pyspark import TaskContext

    context = TaskContext.get()
    return context.partitionId() if context else -1


def _solved(material: one.Material, stock: float | None, params: InventoryParams, pools: one.Pools) -> dict[str, Any]:
    try:
        return _row(one.solve(material, params, pools), stock, params)
    except Exception as error:  # Whatever it is, it belongs to this material: the batch goes on and the row says so.
        return _row(one.failure(material, params, error), stock, params)


def _row(answer: one.Answer, stock: float | None, params: InventoryParams) -> dict[str, Any]:
    own, chain, demand = (answer.points[0] if answer.points else None), answer.chain, answer.demand
    quantities, told, tail = answer.material.quantities, answer.demand_class, answer.tail
    return {
        "location_id": answer.material.location_id,
        "material_id": answer.material.material_id,
        "class": told.name if told else None,
        "n_periods": len(quantities),
        "n_nonzero": int((quantities > 0).sum()),
        "n_iterations": demand.iterations if demand else 0,
        "adi": told.adi if told else None,
        "cv2": told.cv2 if told else None,
        "p01": chain.p01 if chain else None,
        "p11": chain.p11 if chain else None,
        "lt_mean": answer.material.lead_time_mean,
        "ltd_mean": demand.mean if demand else None,
        "ltd_sd": demand.sd if demand else None,
        "ltd_mcse": demand.mcse if demand else None,
        "service_level": answer.service_level,
        "rop": own.point if own else None,
        "rop_lo": own.low if own else None,
        "rop_hi": own.high if own else None,
        "shortage": demand.expected_short(own.point) if demand and own else None,
        "shortage_now": demand.expected_short(stock) if demand and stock is not None else None,
        "gpd_xi": tail.shape if tail else None,
        "gpd_beta": tail.scale if tail else None,
        "method": answer.method,
        "jitter": answer.jitter,
        "status": answer.status,
        "reason": answer.reason,
        "points": [vars(point) for point in answer.points[1:]] or [{"target": target} for target in params.targets],
        "quantiles": [{"q": q, "value": demand.reorder_point(q).point} for q in params.quantiles] if demand else [],
    }
