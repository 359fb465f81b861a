"""A report's page: what comes from data stays text, it asks the network for nothing, and a browser draws it all."""

import re
import subprocess
import sys
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import altair as alt
import pandas as pd
import pytest
from playwright.sync_api import Browser, expect

from platform_local.postgres import Cluster
from spark_jobs.__main__ import main
from spark_jobs.common import serve
from spark_jobs.common.report import Section, command, frames, page
from spark_jobs.common.report.spreadsheet import csv_text, without_formulas
from tests.airflow_settings import ROOT
from tests.browser import SMALL_PHONE, Seen, opened

HOSTILE = "</script><img src=x onerror=alert(1)>"
COMMENT = "<!--<script>\u2028${title}"


def bars(rows: pd.DataFrame) -> Section:
    chart = alt.Chart(rows).mark_bar().encode(x="units:Q", y="material:N", tooltip=["material:N", "units:Q"])
    return Section("Units by material", "Longer is more.", chart.properties(width="container", height=200), rows)


def main_part(document: str) -> str:
    return document.partition("<main>")[2].partition("</main>")[0]


def hostile_page() -> str:
    rows = pd.DataFrame({"material": [HOSTILE, COMMENT, "M-3"], "units": [3.0, None, 1_234.5]})
    return page(
        f"Parts {HOSTILE}",
        f"Of {HOSTILE}",
        [bars(rows), Section(HOSTILE, f"Says {HOSTILE}", None, rows.rename(columns={"units": HOSTILE}))],
    )


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The file of the hostile page."""
    path = tmp_path_factory.mktemp("hostile") / "hostile.html"
    path.write_text(hostile_page(), encoding="utf-8")
    return path


@pytest.fixture
def seen(browser: Browser, hostile: Path) -> Iterator[Seen]:
    """The hostile page as opened in Chromium on a phone."""
    with opened(hostile, browser) as found:
        yield found


@pytest.mark.browser
def test_a_browser_draws_the_chart_and_asks_for_nothing_but_the_file(seen: Seen) -> None:
    assert [url.rpartition("/")[2] for url in seen.requests] == ["hostile.html"]
    assert seen.problems == []
    assert seen.page.locator(".chart svg .mark-rect.role-mark path").count() == 2


@pytest.mark.browser
def test_a_hostile_name_is_text_wherever_it_stands(seen: Seen) -> None:
    assert seen.page.locator("img").count() == 0
    assert seen.page.locator("h1").inner_text() == f"Parts {HOSTILE}"
    assert seen.page.locator("h2").nth(1).inner_text() == HOSTILE
    assert HOSTILE[:12] in (seen.page.locator(".chart svg").text_content() or "")
    seen.page.locator(".chart svg .mark-rect.role-mark path").first.hover()
    assert HOSTILE in seen.page.locator("#vg-tooltip-element.visible").inner_text()
    assert seen.problems == []


@pytest.mark.browser
def test_the_policy_of_the_page_stops_a_script_and_a_request_that_got_in(seen: Seen) -> None:
    """Proves that the policy is in force, whatever the page's own scripts do."""
    ran = seen.page.evaluate("""async () => {
        const script = document.body.appendChild(document.createElement("script"));
        script.textContent = "window.ran = true";
        await fetch("https://example.org/").catch(() => {});
        return window.ran === true;
    }""")
    assert not ran
    assert len([problem for problem in seen.problems if "Content Security Policy" in problem]) >= 2


@pytest.mark.browser
def test_the_download_holds_the_whole_table_without_formulas(seen: Seen, tmp_path: Path) -> None:
    with seen.page.expect_download() as started:
        seen.page.get_by_role("link", name="Download the whole table").first.click()
    saved = tmp_path / "saved.csv"
    started.value.save_as(saved)
    assert started.value.suggested_filename == "units_by_material.csv"
    assert (
        saved.read_bytes().decode("utf-8") == f"\ufeffmaterial,units\r\n{HOSTILE},3.0\r\n{COMMENT},\r\nM-3,1234.5\r\n"
    )


@pytest.mark.browser
def test_a_phone_scrolls_tables_but_not_the_page(seen: Seen) -> None:
    seen.page.locator("summary").first.press("Enter")
    assert seen.page.locator("details[open] td").first.is_visible()
    assert seen.page.evaluate("document.documentElement.scrollWidth") == SMALL_PHONE["width"]


@pytest.mark.browser
def test_a_chart_says_in_words_what_it_shows(seen: Seen) -> None:
    label = seen.page.locator(".chart[role=graphics-document]").get_attribute("aria-label")
    assert label == "Units by material. Longer is more. The table below holds its figures."


def test_the_policy_allows_neither_network_nor_unknown_scripts_nor_eval(hostile: Path) -> None:
    policy = re.search(r'http-equiv="Content-Security-Policy" content="([^"]+)"', hostile.read_text(encoding="utf-8"))
    assert policy
    rules = dict(rule.strip().split(" ", 1) for rule in policy[1].replace("&#x27;", "'").split(";"))
    assert {name: re.sub(r"sha256-[^']+", "hash", value) for name, value in rules.items()} == {
        "default-src": "'none'",
        "script-src": "'hash' 'hash'",
        "style-src": "'hash'",
        "img-src": "data:",
        "base-uri": "'none'",
        "form-action": "'none'",
    }


def test_a_long_table_shows_its_first_rows_and_says_how_many_more_there_are() -> None:
    made = page("Parts", "", [Section("Many", "All.", None, pd.DataFrame({"number": range(1_234)}))])
    assert main_part(made).count("<tr>") == 1 + 50
    assert "first 50 of 1,234 rows" in made
    assert "1,184 more rows are in the CSV file." in made
    assert "1233" in made.partition("report-data")[2]


def test_an_empty_section_has_neither_table_nor_download() -> None:
    made = page("Parts", "", [Section("None", "There is nothing to show: no prices.", None, pd.DataFrame())])
    assert "nothing to show: no prices" in made
    assert "<details>" not in main_part(made)
    assert "download=" not in main_part(made)


def test_the_page_shows_its_day_where_it_has_one() -> None:
    assert '<time id="age" datetime="2024-02-09">As of 2024-02-09</time>' in page("Parts", "", [], date(2024, 2, 9))
    assert '<time id="age"' not in page("Parts", "", [])


def filtered(name: str, rows: pd.DataFrame) -> Section:
    """A chart and a table that a control picks by the least number of units, and another by the material."""
    least = alt.param(name="least", value=2, bind=alt.binding_range(min=0, max=5, step=1))
    which = alt.param(name="which", value=None, bind=alt.binding_select(options=[None, *rows["material"]]))
    chart = alt.Chart(rows).mark_bar().encode(x="units:Q", y="material:N").add_params(least, which)
    kept = chart.transform_filter("datum.units >= least && (which == null || datum.material == which)")
    return Section(name, "", kept, rows, {"least": "units", "which": "material"})


@pytest.mark.browser
def test_a_control_moves_in_all_charts_and_picks_the_rows_of_their_tables(browser: Browser, tmp_path: Path) -> None:
    rows = pd.DataFrame({"material": ["a", "b", HOSTILE], "units": [1.0, 2.0, 3.0]})
    path = tmp_path / "filtered.html"
    made = page("Parts", "", [filtered("One", rows), filtered("Two", rows)], date(2024, 2, 9))
    path.write_text(made, encoding="utf-8")
    with opened(path, browser) as seen:
        tables = seen.page.locator("summary")
        assert tables.all_inner_texts() == ["Table (rows that match: 2 of 3)"] * 2
        seen.page.locator("#chart-1 input[type=range]").fill("0")
        seen.page.locator("#chart-2 select").select_option(label=HOSTILE)
        assert tables.all_inner_texts() == ["Table (rows that match: 1 of 3)"] * 2
        bars = seen.page.locator("#chart-1 svg .mark-rect.role-mark path")
        expect(bars).to_have_count(1)
        assert seen.page.locator("#chart-2 input[type=range]").input_value() == "0"
        assert seen.page.locator("tbody").first.text_content() == f"{HOSTILE}3"
        assert re.search(r"2024-02-09, [\d,]+ days old", seen.page.locator("#age.old").inner_text())
    assert (len(seen.requests), seen.problems) == (1, [])


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        pytest.param("=1+1", "'=1+1", id="a formula"),
        pytest.param("-2+3", "'-2+3", id="a sign"),
        pytest.param("＠SUM(A1)", "'＠SUM(A1)", id="a full-width sign"),
        pytest.param("  @x", "'  @x", id="a formula after blanks"),
        pytest.param(" \t@x", "' \t'@x", id="a formula after a blank, or where the separator is a tab"),
        pytest.param("a;=1+1", "a;'=1+1", id="a formula where the separator is a semicolon"),
        pytest.param("-", "-", id="a lone dash stays"),
        pytest.param("bolt-M8 = 3", "bolt-M8 = 3", id="signs within a text stay"),
    ],
)
def test_no_text_of_a_csv_file_is_a_formula(text: str, shown: str) -> None:
    once = csv_text(pd.DataFrame({"material": [text], "delta": [-1.5]}))
    assert once == f"material,delta\r\n{shown},-1.5\r\n"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        pytest.param("x;\"=cmd|'/c calc'!A1;y\"", "x;'\"=cmd|'/c calc'!A1;y\"", id="quoted"),
        pytest.param('x; "" =1', 'x;\' "" =1', id="quotes and blanks"),
        pytest.param('x;\n"=1', "x;'\n'\"=1", id="after a line end that ends a cell too"),
        pytest.param('"=1', "'\"=1", id="at the start"),
        pytest.param('x;"y" = "z"', 'x;"y" = "z"', id="signs after what is quoted stay"),
    ],
)
def test_no_quoted_text_of_a_cell_is_a_formula_and_what_is_plain_stays_so(text: str, shown: str) -> None:
    once = without_formulas(pd.DataFrame({"material": [text]}))
    assert once["material"].tolist() == without_formulas(once)["material"].tolist() == [shown]


def test_a_pipeline_without_a_report_says_so_in_one_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["report", "metro", "--out", str(tmp_path)]) == 1
    assert capsys.readouterr().err == "error: Pipeline metro has no report.\n"


def test_a_missing_table_is_named_and_nothing_is_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    status = main(["report", "inventory", "--tables", str(tmp_path), "--out", str(tmp_path / "out")])
    sentence = f"There is no table inv_recommendation in {tmp_path}: inv_recommendation.parquet is missing."
    assert (status, capsys.readouterr().err) == (1, f"error: {sentence}\n")
    assert not (tmp_path / "out").exists()


def test_exported_tables_are_read_by_name_and_filtered(tmp_path: Path) -> None:
    folder = tmp_path / "parts.parquet"
    folder.mkdir()
    pd.DataFrame({"name": ["a", "b"], "units": [1, 2]}).to_parquet(folder / "part-0.parquet")
    (folder / "_SUCCESS").touch()
    with frames.exported(tmp_path) as read:
        assert read("parts").to_dict("list") == {"name": ["a", "b"], "units": [1, 2]}
        assert read("parts", name="b").to_dict("list") == {"name": ["b"], "units": [2]}


def test_a_folder_of_tables_that_is_not_there_is_no_reason_to_read_the_database(tmp_path: Path) -> None:
    with pytest.raises(frames.MissingTable, match="There is no table inv_recommendation in"):
        command.write("inventory", tmp_path / "out", tmp_path / "nowhere")


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A serving database with a mart of the pipeline `shop`."""
    cluster = Cluster(tmp_path_factory.mktemp("marts") / "postgres", throw_away=True)
    cluster.start()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SIGNALBOX_MARTS_URL", cluster.url("marts"))
        execute("CREATE SCHEMA shop", "CREATE VIEW shop.parts_current AS SELECT 'a;''b' AS name, 3::bigint AS units")
        yield cluster.url("marts")
    cluster.stop()
    cluster.remove()


def execute(*statements: str) -> None:
    from adbc_driver_postgresql import dbapi

    with dbapi.connect(serve.marts_uri()) as connection, connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)
        connection.commit()


def test_served_marts_are_read_by_name_and_filtered_by_value(database: str) -> None:
    with frames.served("shop") as read:
        assert read("parts").to_dict("list") == {"name": ["a;'b"], "units": [3]}
        assert read("parts", name="a;'b")["units"].tolist() == [3]
        assert read("parts", name="' OR true --").empty


def test_all_marts_of_a_report_are_of_one_moment(database: str) -> None:
    execute("CREATE TABLE shop.sold AS SELECT 1 AS units", "CREATE VIEW shop.sold_current AS SELECT * FROM shop.sold")
    with frames.served("shop") as read:
        before = read("sold")["units"].tolist()
        execute("UPDATE shop.sold SET units = 2")
        assert (before, read("sold")["units"].tolist()) == ([1], [1])
    with frames.served("shop") as read:
        assert read("sold")["units"].tolist() == [2]


def test_a_mart_that_was_never_served_is_named(database: str) -> None:
    sentence = "The serving database has no mart orders of shop; has the pipeline been served?"
    with frames.served("shop") as read, pytest.raises(frames.MissingTable, match=re.escape(sentence)):
        read("orders")


def test_the_entrance_of_jobs_does_not_load_what_draws() -> None:
    probe = (
        "import sys, spark_jobs.__main__; print([n for n in ('altair', 'pandas', 'vl_convert') if n in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", probe], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
