"""Dependencies run one way: dags, plugins/signalbox, spark_jobs, expectations; simulators know expectations only.

platform_local stands beside that line: it starts what the others are, and knows the ledger's schema, Spark's settings and, for the
world of `make up`, the simulators. Of DAGs and the plugin it knows nothing but names: Airflow loads them.
"""

import ast
import re
from importlib.metadata import version

import pytest

from tests.house.code import ROOT, imported, imported_at_top, modules
from tests.house.schedules import SCHEDULES

SLUGS = set(SCHEDULES)
OURS = {
    *("dags", "signalbox", "signalbox_plugin", "spark_jobs", "expectations", "simulators"),
    *("platform_local", "scaffold", "tests"),
}
MAY_IMPORT = {
    "dags": {"signalbox"},
    "plugins": {"signalbox", "spark_jobs"},
    # The developer's loop starts a private PostgreSQL, and finds simulators by name.
    "spark_jobs": {"spark_jobs", "expectations", "platform_local", "simulators"},
    "expectations": {"expectations"},
    "simulators": {"simulators", "expectations"},
    "platform_local": {"platform_local", "spark_jobs", "simulators", "expectations"},
}
KNOW_NO_AIRFLOW = ("spark_jobs", "expectations", "simulators", "platform_local")
NOT_ON_CONNECT = {"sparkContext", "rdd", "_jvm", "_jsc", "_jdf", "_sc"}
CLOCKS = {"now", "utcnow", "today", "current_timestamp", "current_date", "localtimestamp", "time_ns", "monotonic"}


def top(name: str) -> str:
    return name.partition(".")[0]


@pytest.mark.parametrize("layer", MAY_IMPORT)
def test_a_layer_imports_only_what_lies_below_it(layer):
    trees = modules(layer)
    assert trees
    wrong = {
        f"{path} imports {name}"
        for path, tree in trees.items()
        for name in imported(tree)
        if top(name) in OURS - MAY_IMPORT[layer]
    }
    assert wrong == set()


@pytest.mark.parametrize("layer", KNOW_NO_AIRFLOW)
def test_only_the_plugin_knows_airflow(layer):
    wrong = {path for path, tree in modules(layer).items() if "airflow" in {top(name) for name in imported(tree)}}
    assert wrong == set()


def test_the_plugin_does_use_airflow():
    """Proves that the test above would see an import."""
    trees = modules("plugins")
    assert "airflow" in {top(name) for name in imported(trees["plugins/signalbox/stages.py"])}


def test_contracts_import_spark_and_great_expectations_only_inside_functions():
    heavy = {"pyspark", "great_expectations", "pandas", "pyarrow", "numpy"}
    trees = modules("expectations")
    assert "expectations/contract.py" in trees
    wrong = {path for path, tree in trees.items() if heavy & {top(name) for name in imported_at_top(tree)}}
    assert wrong == set()


def test_one_slug_has_its_five_places():
    packages = {"house", "platform", "common"}
    places = {
        "dags": {file.stem for file in (ROOT / "dags").glob("*.py") if not file.stem.startswith("platform_")},
        "spark_jobs": _packages("spark_jobs") - packages,
        "expectations": _packages("expectations"),
        "simulators": _packages("simulators") | {file.stem for file in (ROOT / "simulators").glob("[!_]*.py")},
        "tests": _packages("tests") - packages,
    }
    assert places == dict.fromkeys(places, SLUGS)


def _packages(folder: str) -> set[str]:
    return {path.name for path in (ROOT / folder).iterdir() if path.is_dir() and not path.name.startswith((".", "_"))}


def test_jobs_use_only_what_spark_connect_offers():
    trees = modules("spark_jobs", "expectations")
    assert "spark_jobs/common/lake.py" in trees
    wrong = {
        f"{path}:{node.lineno} {node.attr}"
        for path, tree in trees.items()
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and node.attr in NOT_ON_CONNECT
    }
    assert wrong == set()


@pytest.mark.parametrize("slug", sorted(SLUGS))
def test_a_pipeline_reads_no_clock(slug):
    """The window is an argument; a transform that asks for the time is not the same when it runs again."""
    trees = modules(f"spark_jobs/{slug}")
    assert f"spark_jobs/{slug}/__init__.py" in trees
    wrong = {
        f"{path}:{node.lineno} {node.func.attr}"
        for path, tree in trees.items()
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in CLOCKS
    }
    assert wrong == set()


def test_both_packages_that_fill_the_pyspark_folder_have_one_version():
    assert version("pyspark") == version("pyspark-client")
    pins = re.findall(r"^(pyspark(?:-client)?)==(\S+)", (ROOT / "requirements.txt").read_text(), re.MULTILINE)
    assert dict(pins) == {"pyspark": version("pyspark"), "pyspark-client": version("pyspark")}
