"""Inventory's report: what each section shows of small tables, what it says when there is nothing, and the upload file."""

from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from adbc_driver_postgresql import dbapi
from playwright.sync_api import Browser
from signalbox.stages import WriteReport

from expectations.inventory import (
    inv_backtest_segments,
    inv_budget,
    inv_convergence,
    inv_ltd_distribution,
    inv_rationalise,
    inv_recommendation,
    inv_reorder_points,
    inv_stock_policy,
)
from platform_local.postgres import Cluster
from spark_jobs.__main__ import main
from spark_jobs.common import serve
from spark_jobs.common.report import Section
from spark_jobs.inventory import charts, report
from spark_jobs.inventory.cloud import MANY, cloud
from tests.browser import SMALL_PHONE, opened
from tests.marts import Marts

DAY = date(2024, 3, 12)


def recommendation(material: str, **facts: Any) -> dict[str, Any]:
    """A computed recommendation of 4 units instead of 6; ``facts`` are what the test is about."""
    usual = {
        "location_id": "OSL",
        "material_id": material,
        "class": "lumpy",
        "criticality": "H",
        "adi": 2.5,
        "cv2": 0.8,
        "service_level": 0.99,
        "rop": 4.0,
        "rop_lo": 3.0,
        "rop_hi": 5.0,
        "safety_stock": 2.5,
        "max_level": 9.0,
        "current_min": 6.0,
        "current_max": 12.0,
        "price": 10.0,
        "delta_units": -3.0,
        "delta_value": -30.0,
        "status": "computed",
        "as_of": DAY,
    }
    return {**usual, **facts}


FAILED: dict[str, Any] = dict.fromkeys(
    ("class", "adi", "cv2", "rop", "rop_lo", "rop_hi", "safety_stock", "max_level", "delta_units", "delta_value")
)
PLACE = {"location_id": "OSL"}
ROWS: dict[str, list[dict[str, Any]]] = {
    "inv_recommendation": [
        recommendation("seal"),
        recommendation("pump", rop=2.5, safety_stock=-0.5, max_level=0.1 + 0.2, delta_value=90.0),
        recommendation("bolt", status="none", rop=0.0, rop_lo=0.0, rop_hi=0.0, adi=None, cv2=None, criticality=None),
        recommendation("fuse", **FAILED, status="failed", reason="The price is 0."),
    ],
    "inv_stock_policy": [
        {**PLACE, "material_id": "seal", "policy": "stock"},
        {**PLACE, "material_id": "pump", "policy": "nonstock"},
    ],
    "inv_budget": [
        {
            **PLACE,
            "criticality": "H",
            "materials": 2,
            "value_in_stock": 1_234.4,
            "value_recommended": 900.0,
            "value_at_risk": 7.0,
        }
    ],
    "inv_rationalise": [
        {**PLACE, "material_id": "seal", "excess_units": 3.0, "excess_value": 30.0, "action": "reduce"},
        {**PLACE, "material_id": "pump", "excess_units": 7.0, "excess_value": 70.0, "action": "transfer"},
        {**PLACE, "material_id": "bolt", "excess_units": None, "excess_value": None, "action": "keep"},
    ],
    "inv_ltd_distribution": [
        {**PLACE, "material_id": name, "units": units, "width": 1.0, "probability": share}
        for name in ("seal", "pump")
        for units, share in ((0.0, 0.5), (1.0, 0.3), (2.0, 0.2))
    ],
    "inv_reorder_points": [
        {**PLACE, "item": name, "target": target, "reorder_point": point, "ci_low": point - 1, "ci_high": point + 1}
        for name in ("seal", "pump")
        for target, point in ((0.9, 2.0), (0.99, 4.0))
    ],
    "inv_convergence": [
        {**PLACE, "material_id": "pump", "iterations": n, "rop": point, "rop_lo": point - 1, "rop_hi": point + 1}
        for n, point in ((100, 3.0), (10_000, 2.5))
    ],
    "inv_backtest_segments": [
        {
            "segment": segment,
            "method": method,
            "target": target,
            "windows": 40,
            "achieved_cycle": target,
            "achieved_lo": target - 0.05,
            "achieved_hi": reached,
            "achieved_fill": target,
            "stockouts": 2,
            "holding_value": worth,
            "picked": method == "exact",
        }
        for segment, worth, reached in (("lumpy/H", 500.0, 1.0), ("smooth/L", 900.0, 0.89))
        for method in ("exact", "croston_normal")
        for target in (0.9, 0.95)
    ],
}
TABLES = (
    inv_recommendation.TABLE,
    inv_stock_policy.TABLE,
    inv_budget.TABLE,
    inv_rationalise.TABLE,
    inv_ltd_distribution.TABLE,
    inv_reorder_points.TABLE,
    inv_convergence.TABLE,
    inv_backtest_segments.TABLE,
)


def marts(**rows: list[dict[str, Any]]) -> Marts:
    """The tables above, with those that a test replaces."""
    return Marts(TABLES, {**ROWS, **rows})


def section(title: str, read: Marts) -> Section:
    return next(found for found in report.sections(read) if found.title == title)


def unpriced() -> Marts:
    """What the marts are where neither prices nor levels of today are known, and no back-test was run."""
    unknown = {"price": None, "current_min": None, "current_max": None, "delta_units": None, "delta_value": None}
    return marts(
        inv_recommendation=[{**row, **unknown} for row in ROWS["inv_recommendation"]],
        inv_budget=[],
        inv_rationalise=[{**row, "excess_value": None} for row in ROWS["inv_rationalise"]],
        inv_backtest_segments=[],
    )


def test_the_header_counts_materials_and_their_worth() -> None:
    assert section("At a glance", marts()).says == (
        "Materials: 4, with a recommendation: 2, without any demand: 1, failed: 1, with a price: 4. "
        "Value in stock: 1,234, Value recommended: 900, Value at risk: 7."
    )
    assert report.as_of(marts()) == DAY


def test_a_failed_material_is_listed_with_its_reason() -> None:
    found = section("Failed materials", marts())
    assert found.says == (
        "Materials without a recommendation, which keep the levels they have: 1. Reasons: 1 × The price is 0."
    )
    assert found.table.to_dict("list") == {
        "location_id": ["OSL"],
        "material_id": ["fuse"],
        "criticality": ["H"],
        "reason": ["The price is 0."],
    }


def test_every_section_with_something_to_show_has_a_chart_but_the_two_first() -> None:
    drawn = {found.title: found.chart is not None for found in report.sections(marts())}
    assert [title for title, has_chart in drawn.items() if not has_chart] == ["At a glance", "Failed materials"]
    assert len(drawn) == 12


def test_without_prices_levels_and_back_test_the_sections_say_what_is_missing() -> None:
    said = {
        found.title: found.says for found in report.sections(unpriced()) if found.says.startswith("There is nothing")
    }
    assert said == {
        "Value in stock and at risk": "There is nothing to show: no material has a price.",
        "Recommended and current reorder points": (
            "There is nothing to show: no material has both a recommended reorder point and one in use today."
        ),
        "Largest changes of value": (
            "There is nothing to show: no material has a recommended and a current maximum level and a price."
        ),
        "Excess stock": "There is nothing to show: no price is known.",
        "Back-test: service aimed at and achieved": (
            "There is nothing to show: no material has a history long enough for a back-test, or none was run."
        ),
        "Back-test: service against value in stock": (
            "There is nothing to show: no material has a history long enough for a back-test, or none was run."
        ),
    }


def test_of_empty_tables_no_section_has_a_chart() -> None:
    read = marts(**{table.name: [] for table in TABLES})
    assert [found.title for found in report.sections(read) if found.chart is not None] == []
    assert report.upload(read).empty


def test_the_material_shown_whole_is_the_one_whose_value_changes_most() -> None:
    found = section("Demand over a lead time", marts())
    assert found.says.startswith("pump at OSL: of those with a distribution, the one whose value changes most.")
    assert found.table["material_id"].unique().tolist() == ["pump"]
    assert section("What a service level costs", marts()).table["item"].unique().tolist() == ["pump"]


def test_where_no_change_is_known_it_is_the_first_by_name() -> None:
    assert section("Demand over a lead time", unpriced()).says.startswith("pump at OSL: the first by name")


def test_the_trade_off_is_of_the_segment_that_ties_up_most() -> None:
    found = section("Back-test: service against value in stock", marts())
    assert found.says.startswith("Segment smooth/L")
    assert found.table["segment"].unique().tolist() == ["smooth/L"]


def test_the_share_of_reached_targets_counts_picked_methods_only() -> None:
    assert "in 50% of them the interval reaches it" in section("Back-test: service aimed at and achieved", marts()).says


def test_excess_is_summed_up_from_the_largest() -> None:
    drawn = charts.excess(marts()("inv_rationalise"), 100.0).to_dict()
    rows = next(iter(drawn["datasets"].values()))
    assert [(row["name"], row["down_to_it"]) for row in rows] == [("pump at OSL", 0.7), ("seal at OSL", 1.0)]


def test_too_many_materials_become_counts_on_a_grid_and_the_text_says_so() -> None:
    many = [recommendation(f"m{n}", rop=float(n % 100), current_min=0.0) for n in range(MANY + 1)]
    read = marts(inv_recommendation=many)
    drawn = cloud(read("inv_recommendation"), "current_min", "rop")
    assert drawn["materials"].sum() == MANY + 1
    assert len(drawn) <= 26
    said = section("Recommended and current reorder points", read).says
    assert "2,001 materials are too many to draw one by one" in said
    assert "The table holds the 2,000 with the largest difference." in said


def test_a_level_of_zero_is_drawn() -> None:
    read = marts(inv_recommendation=[recommendation("seal", rop=0.0, current_min=0.0)])
    drawn = charts.levels(read("inv_recommendation")).to_dict()
    scales = {layer["encoding"]["x"]["scale"]["type"] for layer in drawn["layer"] if "scale" in layer["encoding"]["x"]}
    assert scales == {"symlog"}
    assert [row["x"] for rows in drawn["datasets"].values() for row in rows if "criticality" in row] == [0.0]


def test_what_a_planner_uploads(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    hostile = recommendation("=HYPERLINK(1)", location_id="-OSL", max_level=None)
    read = marts(inv_recommendation=[*ROWS["inv_recommendation"], hostile])
    assert main(["report", "inventory", "--tables", str(read.export(tmp_path)), "--out", str(tmp_path / "out")]) == 0
    written = [tmp_path / "out" / "inventory.html", tmp_path / "out" / "inventory_upload.csv"]
    assert capsys.readouterr().out == "".join(f"{path}\n" for path in written)
    assert sorted((tmp_path / "out").iterdir()) == written
    assert written[1].read_bytes().decode() == (
        "plant,material,mrp_type,reorder_point,safety_stock,maximum_stock_level,valid_from\r\n"
        "'-OSL,'=HYPERLINK(1),,4,2.5,,2024-03-12\r\n"
        "OSL,bolt,,0,2.5,9,2024-03-12\r\n"
        "OSL,pump,nonstock,2.5,0,0.3,2024-03-12\r\n"
        "OSL,seal,stock,4,2.5,9,2024-03-12\r\n"
    )


def test_a_report_replaces_the_one_before(tmp_path: Path) -> None:
    (tmp_path / "inventory.html").write_text("the old one")
    command = ["report", "inventory", "--tables", str(marts().export(tmp_path)), "--out", str(tmp_path)]
    assert main(command) == 0
    assert "Inventory: recommended stock levels" in (tmp_path / "inventory.html").read_text()


@pytest.fixture
def served(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The tables above as marts of a serving database; yields the folder for reports."""
    cluster = Cluster(tmp_path / "postgres", throw_away=True)
    cluster.start()
    monkeypatch.setenv("SIGNALBOX_MARTS_URL", cluster.url("marts"))
    monkeypatch.setenv("SIGNALBOX_REPORTS", str(tmp_path / "reports"))
    with dbapi.connect(serve.marts_uri()) as connection, connection.cursor() as cursor:
        cursor.execute("CREATE SCHEMA inventory")
        for name, rows in marts().frames.items():
            cursor.adbc_ingest(
                name, pa.Table.from_pandas(rows.assign(tier="settled", release_id=1)), db_schema_name="inventory"
            )
            cursor.execute(f"CREATE VIEW inventory.{name}_current AS SELECT * FROM inventory.{name}")
        connection.commit()
    yield tmp_path / "reports"
    cluster.stop()
    cluster.remove()


def test_the_task_writes_the_same_report_from_the_served_marts(served: Path, tmp_path: Path) -> None:
    WriteReport(task_id="report", pipeline="inventory").execute({})
    main(["report", "inventory", "--tables", str(marts().export(tmp_path)), "--out", str(tmp_path)])
    for name in ("inventory.html", "inventory_upload.csv"):
        assert (served / name).read_text() == (tmp_path / name).read_text()


@pytest.mark.browser
def test_a_browser_draws_every_chart_and_asks_for_nothing_else(browser: Browser, tmp_path: Path) -> None:
    main(["report", "inventory", "--tables", str(marts().export(tmp_path)), "--out", str(tmp_path)])
    with opened(tmp_path / "inventory.html", browser) as seen:
        # A mark whose place is not a number is a mistake in the chart that Vega does not report.
        misplaced = seen.page.locator(".chart :is([d*=NaN], [transform*=NaN])")
        assert (seen.page.locator(".chart svg").count(), misplaced.count()) == (10, 0)
        assert seen.page.evaluate("document.documentElement.scrollWidth") == SMALL_PHONE["width"]
    assert ([url.partition(":")[0] for url in seen.requests], seen.problems) == (["file"], [])
