"""Worlds that more than one file of tests looks at: each is simulated once."""

from pathlib import Path

import pytest

from tests.inventory.worlds import CLEAN, world


@pytest.fixture(scope="session")
def tenth(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return world(tmp_path_factory.mktemp("tenth"))


@pytest.fixture(scope="session")
def chains(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Half a refinery that is the stationary chain and nothing else."""
    return world(tmp_path_factory.mktemp("chains"), *CLEAN, "--raw-share", "0", seed=3, scale=0.5)
