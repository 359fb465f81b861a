"""The report of audience: what each section shows of small tables, its controls, and the whole index as CSV."""

from datetime import date
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from playwright.sync_api import Browser, expect

from expectations.audience import air_index, air_run_audit, air_trend, pixels, segments, statuses
from spark_jobs.__main__ import main
from spark_jobs.audience import charts, marks, report, report_index, report_run, shown
from spark_jobs.common.report import Section, theme
from tests.browser import SMALL_PHONE, opened
from tests.marts import Marts

DAY = date(2024, 2, 9)
HOSTILE = "=HYPERLINK(1)</script><img src=x onerror=alert(1)>"
LONG = "größer als 東京 " * 40
TABLES = (air_index.TABLE, air_trend.TABLE, air_run_audit.TABLE, segments.TABLE, pixels.TABLE)


def cell(pixel: str, segment: str, status: str, index: float | None, **facts: Any) -> dict[str, Any]:
    """A cell of 40 expected users; ``facts`` are what the test is about."""
    known = index is not None and status in (*statuses.SHOWN, statuses.LOW_COUNT)
    usual = {
        "ds": DAY,
        "advertiser_id": "acme",
        "pixel_id": pixel,
        "segment_id": segment,
        "group_id": "age",
        "matched_users": 0 if index is None else 0.4 * index,
        "group_users": 200,
        "segment_users": 300,
        "group_total": 1_500,
        "expected": 40.0,
        "audience_index": index,
        "ci_low": 0.8 * index if known and index is not None else None,
        "ci_high": 1.2 * index if known and index is not None else None,
        "z": (index - 100) / 20 if known and index is not None else None,
        "q_value": 0.01 if status in statuses.SHOWN else None,
        "status": status,
        "is_approx": False,
    }
    return {**usual, **facts}


INDEX = [
    cell("home", "young", statuses.OVER, 200.0, audience_index=200.00000000000003, q_value=0.001),
    cell("home", "old", statuses.UNDER, 50.0),
    cell("home", "none", statuses.UNDER, 0.0),
    cell("home", "middle", statuses.NEUTRAL, 110.0, q_value=0.6),
    cell("shop", "young", statuses.LOW_COUNT, 300.0, group_users=70, advertiser_id="other"),
    cell("shop", "old", statuses.LOW_COUNT, 60.0, group_users=20, advertiser_id="other"),
    cell("shop", "all", statuses.TRIVIAL, 100.0, group_id="whole"),
    cell("shop", "middle", statuses.NO_GROUP_VISITORS, None, group_users=0),
    cell("shop", "stray", statuses.UNGROUPED, None, group_id="ungrouped"),
]
ROWS: dict[str, list[dict[str, Any]]] = {
    "air_index": INDEX,
    "air_trend": [cell("home", "young", statuses.OVER, 200.0 + days, ds=date(2024, 2, 9 - days)) for days in (0, 1, 2)],
    "air_run_audit": [
        {
            "ds": day,
            "users": users,
            "users_before": 1_900,
            "segment_entries": 10_587,
            "pixel_entries": 3_730,
            "late_events": 61,
            "capped_users": 3,
            "ordered_pairs": 10,
            "unordered_pairs": 20,
        }
        for day, users in ((date(2024, 2, 8), 1_900), (DAY, 2_005))
    ],
    "segments": [
        {
            "segment_id": name,
            "segment_name": name.title(),
            "group_id": "age",
            "group_name": "Age",
            "valid_from": date(2023, 1, 1),
        }
        for name in ("young", "old", "none", "middle", "all", "stray")
    ],
    "pixels": [{"pixel_id": name, "pixel_name": f"The {name}", "advertiser_id": "acme"} for name in ("home", "shop")],
}


def marts(**rows: list[dict[str, Any]]) -> Marts:
    """The tables above, with those that a test replaces."""
    known = {table.name: table.column_names for table in TABLES}
    kept = {**ROWS, **rows}
    return Marts(TABLES, {name: [{c: r[c] for c in r if c in known[name]} for r in kept[name]] for name in kept})


def section(title: str, read: Marts) -> Section:
    return next(found for found in report.sections(read) if found.title == title)


def cells(read: Marts) -> pd.DataFrame:
    return shown.cells(read("air_index"), shown.on(read("segments"), DAY), read("pixels"))


def drawn(chart: Any) -> dict[str, Any]:
    made: dict[str, Any] = chart.to_dict()
    return made


def data_of(chart: dict[str, Any], field: str) -> list[dict[str, Any]]:
    """Those of a chart's rows that have this field."""
    return [row for rows in chart["datasets"].values() for row in rows if field in row]


def test_the_header_tells_the_newest_day_its_users_and_what_was_left_out() -> None:
    assert section("At a glance", marts()).says == (
        "2024-02-09. Users: 2,005, Live memberships: 10,587. Pixels: 2, Segments: 6, Cells: 9, over: 1, under: 2, "
        "neutral: 1, low count: 2, trivial: 1, no group visitors: 1, ungrouped: 1. Capped users: 3, Late events: 61."
    )
    assert report.as_of(marts()) == DAY


def test_after_a_rollback_the_header_tells_the_day_of_the_index_that_is_shown() -> None:
    before = marts(air_index=[{**row, "ds": date(2024, 2, 8)} for row in INDEX])
    assert report.as_of(before) == date(2024, 2, 8)
    assert section("At a glance", before).says.startswith("2024-02-08. Users: 1,900,")


def test_every_status_is_told_in_words() -> None:
    assert set(report_run.MEANINGS) == set(statuses.STATUSES)
    found = section("What the statuses mean", marts())
    assert found.table["cells"].tolist() == [1, 2, 1, 2, 1, 1, 1]
    assert "No group visitors: Withheld: no visitor joined any segment of the group" in found.says
    assert len(found.says.splitlines()) == 7


def test_the_sections_have_charts_but_the_header() -> None:
    made = {found.title: found.chart is not None for found in report.sections(marts())}
    assert made == {
        "At a glance": False,
        "Most over- and under-indexed segments": True,
        "Segments by pixels": True,
        "Index against significance": True,
        "Trend over the runs": True,
        "What the statuses mean": True,
    }


def test_over_is_blue_under_red_and_what_chance_could_have_made_grey() -> None:
    scale = drawn(charts.top(cells(marts())))["layer"][0]["encoding"]["color"]["scale"]
    assert dict(zip(scale["domain"], scale["range"], strict=True)) == {
        "over": theme.BLUE,
        "under": theme.VERMILLION,
        "neutral": theme.GREY,
        "low_count": theme.LIGHT_GREY,
    }


def test_bars_diverge_at_100_and_an_index_of_0_is_drawn() -> None:
    made = drawn(charts.top(cells(marts())))
    bars = {(row["pixel"], row["segment"]): (row["even"], row["at"], row["low"]) for row in data_of(made, "even")}
    assert bars[("The home", "Young")] == (0, 1.0, 0.6781)
    assert bars[("The home", "Old")][1] == -1.0
    assert bars[("The home", "None")][1:] == (-marks.FAR, -marks.FAR)
    assert [layer["mark"]["type"] for layer in made["layer"]] == ["bar", "rule", "rule"]
    assert {"matched_users", "group_users"} <= {told["field"] for told in made["layer"][0]["encoding"]["tooltip"]}


def test_a_chart_carries_its_controls_with_what_can_be_picked() -> None:
    binds = {param["name"]: param["bind"] for param in drawn(charts.top(cells(marts())))["params"]}
    picks = {name: bind.get("options") for name, bind in binds.items()}
    assert picks == {
        "advertiser": [None, "acme", "other"],
        "pixel": [None, "home", "shop"],
        "group": [None, "age"],
        "users": None,
    }
    assert binds["pixel"]["labels"] == ["All", "The home · acme", "The shop · other"]
    assert binds["users"]["input"] == "range"


def test_the_slider_begins_where_low_counts_are_hidden_and_can_reach_them() -> None:
    told = cells(marts()).set_index(["pixel_id", "segment_id"])["shown_up_to"]
    assert told["home", "young"] == 200
    assert (told["shop", "young"], told["shop", "old"]) == (49, 20)
    slider = drawn(charts.volcano(cells(marts())))["params"][-1]
    assert (slider["value"], slider["bind"]["min"]) == (50, 0)


def test_the_map_ends_its_colours_at_a_quarter_and_at_four_times() -> None:
    read = marts(air_index=[cell("home", "young", statuses.OVER, 3_000.0), cell("home", "old", statuses.UNDER, 0.0)])
    made = drawn(charts.heatmap(shown.grid(read("air_index"), read("segments"), read("pixels"))))
    assert sorted(row["at"] for row in data_of(made, "at")) == [-2.0, 2.0]
    scale = made["layer"][0]["encoding"]["color"]["scale"]
    assert (scale["domain"], scale["range"]) == ([-2, 0, 2], list(theme.DIVERGING))


def test_a_volcano_draws_what_has_a_q_value_and_the_surest_at_its_top() -> None:
    read = marts(air_index=[*INDEX, cell("shop", "none", statuses.UNDER, 25.0, q_value=0.0)])
    points = data_of(drawn(charts.volcano(cells(read))), "sure")
    assert sorted((row["segment"], row["at"], row["sure"]) for row in points) == [
        ("Middle", 0.1375, 0.2218),
        ("None", -4.0, 2.0),
        ("None", -2.0, 300.0),
        ("Old", -1.0, 2.0),
        ("Young", 1.0, 3.0),
    ]


def test_the_trend_is_of_the_cells_that_differ_most_surely_today() -> None:
    found = section("Trend over the runs", marts())
    assert found.says.startswith("Over 3 days: the index of those up to 6 of the picked cells that")
    assert "It has 3 cells to pick from, of 1 pixels." in found.says
    assert found.table["audience_index"].tolist() == [202.0, 201.0, 200.0]
    made = drawn(found.chart)
    days = [row["day"] for row in data_of(made, "day") if row["at"] is not None]
    assert days == ["2024-02-07", "2024-02-08", "2024-02-09"]
    assert [param["name"] for param in made["params"]] == ["advertiser", "pixel", "group"]


def test_the_trend_carries_the_surest_of_each_group_at_the_largest_pixels_to_pick_from(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name, most in (("LINES", 2), ("TREND_PIXELS", 1), ("TREND_ROWS", 8)):  # Of two days: four cells.
        monkeypatch.setattr(report_index, name, most)
    sure = [cell("shop", f"s{n}", statuses.OVER, 150.0, q_value=0.001 * n, group_users=90) for n in range(1, 4)]
    age = [cell("home", f"a{n}", statuses.OVER, 150.0, q_value=0.01 * n) for n in range(1, 4)]
    other = [cell("home", f"o{n}", statuses.UNDER, 50.0, q_value=0.02 * n, group_id="other") for n in range(1, 3)]
    index = [*sure, *age, *other]
    found = section("Trend over the runs", marts(air_index=index, air_trend=index))
    assert found.table["segment_id"].tolist() == ["s1", "s2", "a1", "o1"]


def test_a_segment_has_the_name_of_the_day() -> None:
    entry = ROWS["segments"][0]
    renamed = [
        {**entry, "valid_to": date(2024, 2, 8)},
        {**entry, "segment_name": "Under 30", "valid_from": DAY},
        {**entry, "segment_name": "Under 35", "valid_from": date(2024, 2, 10)},
    ]
    read = marts(segments=renamed)
    assert shown.on(read("segments"), DAY)["segment_name"].tolist() == ["Under 30"]
    assert set(cells(read)["segment"]) == {"Under 30", "old", "none", "middle"}


def test_segments_of_one_name_are_told_apart() -> None:
    read = marts(segments=[{**row, "segment_name": LONG} for row in ROWS["segments"]])
    names = cells(read)["segment"].unique()
    assert len(names) == 4
    assert all(name.startswith("größer al…") and len(name) < 50 for name in names)


def test_of_too_many_cells_the_page_holds_the_most_significant_and_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shown, "CELLS", 8)
    many = [cell("home", f"s{n}", statuses.OVER, 150.0 + n) for n in range(20)]
    few = [cell("home", f"t{n}", statuses.LOW_COUNT, 150.0 + n) for n in range(20)]
    read = marts(air_index=[*many, *few])
    assert cells(read)["segment_id"].tolist() == ["s19", "s18", "s17", "s16", "s15", "s14", "t19", "t18"]
    said = section("Most over- and under-indexed segments", read).says
    assert "The page holds 8 of 40 cells" in said
    assert "All of them are in audience_index.csv beside this page." in said


def test_of_empty_tables_no_section_has_a_chart() -> None:
    read = marts(**{table.name: [] for table in TABLES})
    assert [found.title for found in report.sections(read) if found.chart is not None] == []
    assert all(found.says.startswith("There is nothing to show: ") for found in report.sections(read))
    assert report.as_of(read) is None
    assert report.files(read)["index"].empty


@pytest.mark.parametrize("status", statuses.STATUSES)
def test_an_index_of_one_cell_makes_a_page_whatever_its_status(status: str) -> None:
    index = None if status in statuses.WITHHELD else 100.0
    read = marts(air_index=[cell("home", "young", status, index)])
    for found in report.sections(read):
        assert found.says
        assert found.chart is None or drawn(found.chart)


def test_the_file_beside_the_page_holds_the_whole_index_in_full_precision(tmp_path: Path) -> None:
    hostile = cell(HOSTILE, "young", statuses.OVER, 200.0, matched_low=None, matched_high=7)
    read = marts(air_index=[*INDEX, hostile])
    assert main(["report", "audience", "--tables", str(read.export(tmp_path)), "--out", str(tmp_path / "out")]) == 0
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["audience.html", "audience_index.csv"]
    lines = (tmp_path / "out" / "audience_index.csv").read_text(encoding="utf-8").splitlines()
    assert len(lines) == 1 + len(INDEX) + 1
    assert lines[0].startswith(
        "segment_id,pixel_id,group_id,matched_users,group_users,segment_users,group_total,expected,audience_index,ds,"
    )
    assert lines[1].startswith(f"young,'{HOSTILE},age,80,200,300,1500,40.0,200.0,2024-02-09,acme,")
    assert lines[1].endswith(",over,False,,7")
    assert "young,home,age,80,200,300,1500,40.0,200.00000000000003," in "\n".join(lines)


@pytest.mark.browser
def test_a_reader_moves_the_slider_and_picks_a_hostile_pixel(browser: Browser, tmp_path: Path) -> None:
    hostile = {"pixel_id": "shop", "pixel_name": HOSTILE, "advertiser_id": LONG}
    read = marts(pixels=[ROWS["pixels"][0], hostile])
    main(["report", "audience", "--tables", str(read.export(tmp_path)), "--out", str(tmp_path)])
    with opened(tmp_path / "audience.html", browser) as seen:
        bars = seen.page.locator("#chart-2 svg .mark-rect.role-mark path")
        tiles = seen.page.locator("#chart-3 svg .mark-rect.role-mark path")
        assert (bars.count(), tiles.count()) == (4, 4)
        seen.page.locator("#chart-3 input[type=range]").fill("0")
        expect(bars).to_have_count(6)
        expect(tiles).to_have_count(6)
        days = seen.page.locator("#chart-5 svg .mark-symbol.role-mark path")
        expect(days).to_have_count(3)
        seen.page.locator("#chart-2 select[name=pixel]").select_option(index=1)
        expect(bars).to_have_count(2)
        expect(days).to_have_count(0)
        assert seen.page.locator("#table-4 summary").inner_text() == "Table (rows that match: 0 of 4)"
        assert seen.page.locator(".chart :is([d*=NaN], [transform*=NaN])").count() == 0
        assert seen.page.evaluate("document.documentElement.scrollWidth") == SMALL_PHONE["width"]
        assert seen.page.locator("img").count() == 0
    assert [url.partition(":")[0] for url in seen.requests] == ["file"]
    # Vega warns of a chart as high as its rows are many, and of one that is picked empty; both are meant.
    assert [problem for problem in seen.problems if not problem.startswith("WARN")] == []
