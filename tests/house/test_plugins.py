"""What Airflow's plugin manager makes of our plugins folder."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.airflow_settings import ROOT, prepared_home

# In a fresh interpreter: load the plugins as every Airflow component does, then use the package as a DAG file does.
LOAD = """
import json, sys
from pathlib import Path
from airflow import plugins_manager
plugins, errors = plugins_manager._get_plugins()
import signalbox.stages
folder = Path(sys.argv[1])
names = {}
for name, module in list(sys.modules.items()):
    file = getattr(module, "__file__", None)
    if file and folder in Path(file).parents:
        names.setdefault(str(Path(file).relative_to(folder)), []).append(name)
print(json.dumps({"plugins": [plugin.name for plugin in plugins], "errors": errors, "names": names}))
"""


def loaded(plugins: Path) -> dict:
    settings = {"AIRFLOW_HOME": str(prepared_home()), "AIRFLOW__CORE__PLUGINS_FOLDER": str(plugins)}
    environment = {**os.environ, **settings, "PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(
        [sys.executable, "-c", LOAD, str(plugins)], env=environment, capture_output=True, text=True, check=True
    )
    return json.loads(done.stdout.splitlines()[-1])


def twice(found: dict) -> dict[str, list[str]]:
    return {file: names for file, names in found["names"].items() if len(names) > 1}


@pytest.fixture(scope="module")
def ours() -> dict:
    return loaded(ROOT / "plugins")


def test_the_plugin_is_found(ours):
    assert "signalbox" in ours["plugins"]
    assert ours["errors"] == {}


def test_no_module_of_ours_is_loaded_under_two_names(ours):
    assert ours["names"]["signalbox/stages.py"] == ["signalbox.stages"]
    assert twice(ours) == {}


def test_it_is_the_ignore_file_that_prevents_that(tmp_path):
    copy = shutil.copytree(ROOT / "plugins", tmp_path / "plugins")
    (copy / ".airflowignore").unlink()
    assert "signalbox/stages.py" in twice(loaded(copy))
