"""Waiting for what another process or thread brings about."""

import time
from collections.abc import Callable


def wait_for(condition: Callable[[], object], seconds: float = 20) -> None:
    """Return once it holds; fail after so many seconds."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.02)
