"""Finds a pipeline's parts by its slug: one slug, one place each."""

import importlib
import pkgutil
from types import ModuleType
from typing import Any

import spark_jobs
from spark_jobs.common.serve import Mart
from spark_jobs.common.stage import Stage


def slugs() -> list[str]:
    """Every pipeline of the repository."""
    return sorted(m.name for m in pkgutil.iter_modules(spark_jobs.__path__) if m.ispkg and m.name != "common")


def pipeline(slug: str) -> ModuleType:
    """The package ``spark_jobs.<slug>``; raises ``ValueError`` for an unknown slug."""
    if slug not in slugs():
        raise ValueError(f"There is no pipeline {slug!r}; there are {', '.join(slugs())}.")
    return importlib.import_module(f"spark_jobs.{slug}")


def stage(slug: str, name: str) -> Stage:
    """One stage; raises ``ValueError`` for an unknown name."""
    names = pipeline(slug).STAGES
    if name not in names:
        raise ValueError(f"Pipeline {slug} has no stage {name!r}; its stages are {', '.join(names)}.")
    found: Stage = importlib.import_module(f"spark_jobs.{slug}.{name}").STAGE
    return found


def carries_state(slug: str) -> bool:
    """Whether each run of the pipeline goes on from the state that the run before left: its table is named ``STATE``."""
    return hasattr(pipeline(slug), "STATE")


def params(slug: str, cadence: str, overrides: list[str]) -> Any:
    """The cadence's params with ``NAME=VALUE`` overrides applied."""
    module = importlib.import_module(f"spark_jobs.{slug}.params")
    return module.with_overrides(module.for_cadence(cadence), overrides)


def contracts(slug: str) -> dict[str, str]:
    """The fingerprint of each contract of a pipeline."""
    package = importlib.import_module(f"expectations.{slug}")
    modules = [importlib.import_module(f"{package.__name__}.{m.name}") for m in pkgutil.iter_modules(package.__path__)]
    tables = [module.TABLE for module in modules if hasattr(module, "TABLE")]
    return {table.name: table.fingerprint() for table in tables}


def marts(slug: str) -> tuple[Mart, ...]:
    found: tuple[Mart, ...] = importlib.import_module(f"spark_jobs.{slug}.marts").MARTS
    return found
