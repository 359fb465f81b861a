"""Issues and returns of one material, netted into months."""

import numpy as np
import pyarrow as pa
import pytest

from spark_jobs.inventory import netting


@pytest.mark.parametrize(
    ("moves", "left", "clipped"),
    [
        ([(0, 5.0), (10, -2.0)], [3.0, 0.0], 0.0),
        ([(0, 5.0), (5, 4.0), (10, -6.0)], [3.0, 0.0, 0.0], 0.0),
        ([(0, 5.0), (90, -5.0)], [0.0, 0.0], 0.0),
        ([(0, 5.0), (91, -5.0)], [5.0, 0.0], 5.0),
        ([(0, 5.0), (10, -7.0)], [0.0, 0.0], 2.0),
        ([(0, -1.0), (1, 3.0)], [0.0, 3.0], 1.0),
        ([(0, 5.0), (1, -2.0), (2, -2.0)], [1.0, 0.0, 0.0], 0.0),
    ],
)
def test_a_return_is_taken_off_the_latest_issues_of_ninety_days(moves, left, clipped):
    days, quantities = (np.array(values) for values in zip(*moves, strict=True))
    found, lost = netting.net(days, quantities, 90)
    assert (found.tolist(), lost) == (left, clipped)


def test_months_reach_from_the_first_movement_to_the_newest_month_with_blanks_as_nothing():
    first_of_march, day = 19_783, np.timedelta64(1, "D")
    assert np.datetime64("1970-01-01") + first_of_march * day == np.datetime64("2024-03-01")
    rows = [
        {"location_id": "L", "material_id": "m", "newest": 653, "days": [first_of_march + n for n in (4, 6, 70)]},
        {"location_id": "L", "material_id": "late", "newest": 649, "days": [first_of_march]},
    ]
    quantities = [[3.0, -1.0, 5.0], [2.0]]
    batch = pa.RecordBatch.from_pylist([row | {"quantities": q} for row, q in zip(rows, quantities, strict=True)])
    (told,) = [row for out in netting.netted([batch], 90) for row in out.to_pylist()]
    assert (told["material_id"], told["first_month"], told["returns_clipped"]) == ("m", 650, 0.0)
    assert told["quantities"] == [2.0, 0.0, 5.0, 0.0]
