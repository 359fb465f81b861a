"""What segments and pixels are: the two dimension tables, landed on the first day."""

from datetime import date, timedelta

import numpy as np
import pyarrow as pa

from simulators.audience.landing import named, pick
from simulators.audience.model import Model
from simulators.audience.noise import FEW

VALID_FOR = timedelta(days=365)
PIXELS_OF_AN_ADVERTISER = 20


def segment_dim(model: Model) -> tuple[pa.Table, list[str]]:
    """Rows of segment_dim, and the segments that change group in the middle of the run (only with noise)."""
    settings = model.settings
    known, middle = settings.first_day - VALID_FOR, settings.first_day + timedelta(days=settings.days // 2)
    now = np.arange(settings.segments)
    moves = settings.groups > 1 and settings.days > 1 and settings.noise > 0
    moved = now[model.group < settings.groups][:: max(1, settings.segments // FEW)][:FEW] if moves else now[:0]
    before = (model.group[moved] + 1) % settings.groups
    began = [middle if number in set(moved.tolist()) else known for number in now.tolist()]
    rows = pa.concat_tables(
        [
            _segments(model, now, model.group, began, [None] * len(now)),
            _segments(model, moved, before, [known] * len(moved), [middle - timedelta(days=1)] * len(moved)),
        ]
    )
    return rows, model.segment_ids.take(pa.array(moved)).to_pylist()


def _segments(
    model: Model, number: np.ndarray, group: np.ndarray, valid_from: list[date], valid_to: list[date | None]
) -> pa.Table:
    ids = model.group_ids
    names = [None if name is None else f"Group {name[1:]}" for name in ids]
    tops = [None if name is None else f"Simulated > {name}" for name in names]
    return pa.table(
        {
            "segment_id": model.segment_ids.take(pa.array(number)),
            "segment_name": named("Segment ", number, 5),
            "group_id": pick(ids, group),
            "group_name": pick(names, group),
            "path": pick(tops, group),
            "valid_from": pa.array(valid_from, pa.date32()),
            "valid_to": pa.array(valid_to, pa.date32()),
        }
    )


def advertisers(model: Model) -> tuple[list[str], np.ndarray]:
    """Names, and the advertiser of each pixel."""
    owner = np.arange(model.settings.pixels) // PIXELS_OF_AN_ADVERTISER
    return [f"A{number:03d}" for number in range(owner[-1] + 1)], owner


def pixel_dim(model: Model) -> pa.Table:
    """Rows of pixel_dim."""
    number = np.arange(model.settings.pixels)
    return pa.table(
        {
            "pixel_id": model.pixel_ids,
            "pixel_external_id": named("ext-", number, 5),
            "advertiser_id": pick(*advertisers(model)),
            "pixel_name": named("Pixel ", number, 5),
            "tag_type": pick(["js", "img"], number % 2),
            "pixel_type": pick(["page", "conversion"], (number % 5 == 0).astype(int)),
        }
    )
