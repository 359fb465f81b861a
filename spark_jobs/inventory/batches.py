"""Arrow batches of whole histories in, batches of answers out: what runs in Spark's Python workers."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import numpy as np
import pyarrow as pa

from spark_jobs.inventory import solve as one
from spark_jobs.inventory.chain import Pool, transitions
from spark_jobs.inventory.classes import classify
from spark_jobs.inventory.params import InventoryParams

# A row of a batch that comes in: location_id, material_id, criticality, lead_times and quantities (arrays of double).
POINT = pa.struct([(name, pa.float64()) for name in ("target", "point", "low", "high")])
ANSWER = pa.schema(
    [
        *[(name, pa.string()) for name in ("location_id", "material_id", "class")],
        *[(name, pa.int64()) for name in ("n_periods", "n_nonzero")],
        *[(name, pa.float64()) for name in ("adi", "cv2", "p01", "p11", "lt_mean", "ltd_mean", "ltd_sd", "ltd_mcse")],
        *[(name, pa.float64()) for name in ("service_level", "rop", "rop_lo", "rop_hi", "safety_stock")],
        ("method", pa.string()),
        ("jitter", pa.bool_()),
        ("status", pa.string()),
        ("reason", pa.string()),
        ("points", pa.list_(POINT)),
    ]
)
STEPS = pa.schema([("class", pa.string()), *[(name, pa.int64()) for name in ("n0", "n01", "n1", "n11")]])


def steps(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """The class and the counts of transitions of each history, for the pools of the classes."""
    for batch in batches:
        rows = []
        for material in _materials(batch):
            counts = transitions(material.quantities)
            rows.append({"class": classify(material.quantities).name, **vars(counts)})
        yield pa.RecordBatch.from_pylist(rows, schema=STEPS)


def answers(
    batches: Iterable[pa.RecordBatch], params: InventoryParams, pools: Mapping[str, Pool]
) -> Iterator[pa.RecordBatch]:
    """One answer a material. A material that breaks the computation is told as failed and stops no other."""
    for batch in batches:
        rows = [_row(_solved(material, params, dict(pools)), params) for material in _materials(batch)]
        yield pa.RecordBatch.from_pylist(rows, schema=ANSWER)


def _materials(batch: pa.RecordBatch) -> Iterator[one.Material]:
    columns = [batch.column(name) for name in ("location_id", "material_id", "criticality", "lead_times", "quantities")]
    for location, material, criticality, lead_times, quantities in zip(*columns, strict=True):
        yield one.Material(
            location.as_py(),
            material.as_py(),
            quantities.values.to_numpy(zero_copy_only=False).astype(np.float64, copy=False),
            tuple(lead_times.as_py()),
            criticality.as_py(),
        )


def _solved(material: one.Material, params: InventoryParams, pools: dict[str, Pool]) -> one.Answer:
    try:
        return one.solve(material, params, pools)
    except Exception as error:  # Whatever it is, it belongs to this material: the batch goes on and the row says so.
        return one.failure(material, params, error)


def _row(answer: one.Answer, params: InventoryParams) -> dict[str, Any]:
    own, chain, demand = (answer.points[0] if answer.points else None), answer.chain, answer.demand
    quantities, told = answer.material.quantities, answer.demand_class
    return {
        "location_id": answer.material.location_id,
        "material_id": answer.material.material_id,
        "class": told.name if told else None,
        "n_periods": len(quantities),
        "n_nonzero": int((quantities > 0).sum()),
        "adi": told.adi if told else None,
        "cv2": told.cv2 if told else None,
        "p01": chain.p01 if chain else None,
        "p11": chain.p11 if chain else None,
        "lt_mean": answer.lead_time_mean,
        "ltd_mean": demand.mean if demand else None,
        "ltd_sd": demand.sd if demand else None,
        "ltd_mcse": demand.mcse if demand else None,
        "service_level": answer.service_level,
        "rop": own.point if own else None,
        "rop_lo": own.low if own else None,
        "rop_hi": own.high if own else None,
        "safety_stock": own.point - demand.mean if own and demand else None,
        "method": answer.method,
        "jitter": params.jitter and answer.method == one.BOOTSTRAP,
        "status": answer.status,
        "reason": answer.reason,
        "points": [vars(point) for point in answer.points[1:]] or [{"target": target} for target in params.targets],
    }
