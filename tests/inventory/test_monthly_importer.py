"""A wide file of monthly demand becomes landing tables: every explicit cell is an observed month."""

import argparse
import hashlib
import json
from datetime import date
from pathlib import Path

import pandas as pd
import pytest

from spark_jobs.inventory import importers

WIDE = """item,description,lead_time_months,price,2024-02,2024-01,note
bolt,"M8, steel",1,0.25,0,3,
pump,"big
and heavy",4.5,1200,,1,spare
seal,,, ,2,,
"""


def load(folder: Path, text: str = WIDE, *extra: str) -> Path:
    """Write the file, import it, return the landing folder."""
    (folder / "demand.csv").write_text(text, encoding="utf-8")
    parser = argparse.ArgumentParser()
    importers.add_arguments(parser)
    landing = folder / "landing"
    args = parser.parse_args(["monthly", "--demand", str(folder / "demand.csv"), "--landing", str(landing), *extra])
    args.handler(args)
    return landing


def table(landing: Path, name: str) -> pd.DataFrame:
    return pd.read_parquet(next((landing / name).glob("*/*.parquet")))


def cells(landing: Path) -> list[tuple]:
    rows = table(landing, "monthly_demand").sort_values(["material_id", "month"])
    return list(zip(rows.material_id, rows.month.astype(str), rows.qty, strict=True))


def test_every_cell_with_a_number_is_an_observed_month_and_a_blank_one_is_not(tmp_path):
    assert cells(load(tmp_path)) == [
        ("bolt", "2024-01-01", 3.0),
        ("bolt", "2024-02-01", 0.0),
        ("pump", "2024-01-01", 1.0),
        ("seal", "2024-02-01", 2.0),
    ]


def test_a_blank_cell_may_mean_that_there_was_no_demand(tmp_path):
    found = cells(load(tmp_path, WIDE, "--blank", "no-demand"))
    assert len(found) == 6
    assert {("pump", "2024-02-01", 0.0), ("seal", "2024-01-01", 0.0)} <= set(found)


def test_each_item_gets_a_master_with_its_lead_time_and_price_where_told(tmp_path):
    master = table(load(tmp_path), "material_master")
    assert set(master.location_id) == {"_"}
    assert master.material_id.tolist() == ["bolt", "pump", "seal"]
    assert master.lead_time_months.tolist()[:2] == [1.0, 4.5] and pd.isna(master.lead_time_months[2])
    assert master.price.tolist()[:2] == [0.25, 1200.0] and pd.isna(master.price[2])


def test_a_row_says_which_file_and_row_it_comes_from(tmp_path):
    rows = table(load(tmp_path), "monthly_demand").set_index("material_id")
    assert set(rows.source_file) == {"demand.csv"}
    assert rows.source_row.to_dict() == {"bolt": 0, "pump": 1, "seal": 2}


def test_a_cell_that_is_no_number_lands_as_it_is_for_quarantine_to_name(tmp_path):
    landing = load(tmp_path, WIDE.replace('bolt,"M8, steel",1,0.25,0,3', "bolt,x,1,0.25,0,three"))
    assert table(landing, "monthly_demand").qty.tolist() == ["three", "1", "0", "2"]
    assert table(landing, "material_master").price.tolist()[0] == 0.25


def test_negative_and_repeated_rows_land_for_the_contract_to_judge(tmp_path):
    landing = load(tmp_path, "item,lead_time_months,2024-01\na,1,-2\na,1,5\n")
    assert cells(landing) == [("a", "2024-01-01", -2.0), ("a", "2024-01-01", 5.0)]


def test_files_lie_under_the_day_on_which_the_last_month_was_over_with_manifests_that_fit(tmp_path):
    landing = load(tmp_path)
    assert json.loads((landing / "landing.json").read_text()) == {"tables": ["material_master", "monthly_demand"]}
    for name, rows in (("material_master", 3), ("monthly_demand", 4)):
        path = landing / name / str(date(2024, 3, 1)) / "demand.parquet"
        manifest = json.loads(path.with_name(path.name + ".manifest.json").read_text())
        assert (manifest["rows"], manifest["time_zone"]) == (rows, "UTC")
        assert manifest["sha256"] == hashlib.sha256(path.read_bytes()).hexdigest()


def test_the_same_file_gives_the_same_bytes(tmp_path):
    found = []
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        landing = load(tmp_path / name)
        found.append({p.relative_to(landing): p.read_bytes() for p in sorted(landing.rglob("*")) if p.is_file()})
    assert found[0] == found[1]


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("part,2024-01\na,1\n", r"^demand.csv lacks the columns item, lead_time_months\.$"),
        ("item,2024-01\na,1\n", r"^demand.csv lacks the column lead_time_months\.$"),
        ("item,lead_time_months,Jan-24,2024-13\na,1,1,1\n", r"^demand.csv has no month columns"),
        ("item,lead_time_months,2024-01,2024-01\na,1,1,1\n", r"names a column more than once: 2024-01\.$"),
        ("item,lead_time_months,2024-01\n", r"^demand.csv has no rows\.$"),
        ("item,lead_time_months,2024-01\na,1\n", r"^demand.csv cannot be read as CSV: .*Expected 3 columns"),
        ("", r"^demand.csv lacks the columns"),
    ],
)
def test_a_file_that_cannot_be_used_is_refused_in_one_sentence(tmp_path, text, sentence):
    with pytest.raises(ValueError, match=sentence):
        load(tmp_path, text)


def test_a_file_that_is_not_text_is_refused_in_one_sentence(tmp_path):
    load(tmp_path)
    (tmp_path / "demand.csv").write_bytes(b"item,\xff\xfe\n")
    with pytest.raises(ValueError, match="cannot be read"):
        importers.read_wide(tmp_path / "demand.csv")
    with pytest.raises(ValueError, match=r"nothing\.csv cannot be read"):
        importers.read_wide(tmp_path / "nothing.csv")
