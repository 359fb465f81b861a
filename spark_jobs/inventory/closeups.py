"""A few materials looked at closely: the whole distribution, and how the reorder point settles."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from spark_jobs.inventory.identity import KEY
from spark_jobs.inventory.params import InventoryParams

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

BIN = "location_id string, material_id string, units double, width double, probability double"
STEP = "location_id string, material_id string, iterations bigint, rop double, rop_lo double, rop_hi double"
BINS = 60
CHECKED_AFTER = (100, 200, 500, 1_000, 2_000, 5_000, 10_000, 20_000, 50_000)


def closeups(reviewed: DataFrame, params: InventoryParams) -> tuple[DataFrame, DataFrame]:
    """Bins of the distribution and steps of the convergence of the simulated materials whose value changes most; of those
    with the largest reorder point where no value is known.
    """
    from pyspark.sql import functions as F

    change = F.coalesce(F.abs("delta_value"), F.lit(0.0))
    simulated = reviewed.where("method = 'bootstrap' AND gpd_xi IS NULL")
    chosen = simulated.orderBy(change.desc(), F.col("rop").desc(), *KEY)
    few = chosen.limit(params.closeups)
    rows = few.select(*KEY, "criticality", "lead_times", "quantities", "p01", "p11", "jitter", "n_iterations")
    days = few.select(*KEY, "as_of")
    bins = rows.mapInArrow(partial(distribution, params=params), BIN)
    steps = rows.mapInArrow(partial(convergence, params=params), STEP)
    return bins.join(days, on=KEY, how="inner"), steps.join(days, on=KEY, how="inner")


def distribution(batches: Iterable[pa.RecordBatch], params: InventoryParams) -> Iterator[pa.RecordBatch]:
    """At most ``BINS`` bins of whole units (of equal width where sizes are fractions) of each material's draws."""
    for names, draws, _ in _drawn(batches, params):
        most = float(draws.max())
        width = max(float(np.ceil((most + 1.0) / BINS)), 1.0)
        counts = np.bincount((draws // width).astype(np.int64))
        kept = np.flatnonzero(counts)
        yield pa.RecordBatch.from_pylist(
            [
                names | {"units": n * width, "width": width, "probability": int(counts[n]) / len(draws)}
                for n in map(int, kept)
            ]
        )


def convergence(batches: Iterable[pa.RecordBatch], params: InventoryParams) -> Iterator[pa.RecordBatch]:
    """The reorder point after the first n iterations: the first ones of many are the same as those of few."""
    from spark_jobs.inventory.distribution import Simulated

    for names, draws, level in _drawn(batches, params):
        rows = []
        for count in [n for n in CHECKED_AFTER if n < len(draws)] + [len(draws)]:
            point = Simulated(np.sort(draws[:count])).reorder_point(level)
            rows.append(names | {"iterations": count, "rop": point.point, "rop_lo": point.low, "rop_hi": point.high})
        yield pa.RecordBatch.from_pylist(rows)


def _drawn(
    batches: Iterable[pa.RecordBatch], params: InventoryParams
) -> Iterator[tuple[dict[str, Any], np.ndarray, float]]:
    """The names of each material, its draws in the order of iterations, and its service level."""
    from spark_jobs.inventory import batches as rows
    from spark_jobs.inventory import bootstrap
    from spark_jobs.inventory.chain import Chain
    from spark_jobs.inventory.philox import key_of

    for batch in batches:
        columns = ("p01", "p11", "jitter", "n_iterations")
        settings = zip(*[batch.column(name).to_pylist() for name in columns], strict=True)
        for material, (p01, p11, jitter, iterations) in zip(rows.materials(batch), settings, strict=True):
            quantities = material.quantities
            start = 1 if params.each_lead_time_starts_with_demand else int(quantities[-1] > 0)
            key, sizes = key_of(params.seed, material.location_id, material.material_id), quantities[quantities > 0]
            chain = Chain(p01, p11, start)
            draws = bootstrap.lead_time_demand(key, chain, sizes, material.lead_times, iterations, jitter)
            names = {"location_id": material.location_id, "material_id": material.material_id}
            yield names, draws, params.service_level(material.criticality)
