"""Frames that several actions of one build use: computed once, forgotten when the build ends.

Spark keeps cached rows for a server as a whole, not for a session. Builds that share a Connect server therefore forget
what is theirs by name: to clear *the* cache would take the rows of the others away in mid-work.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

_kept: ContextVar[list["DataFrame"] | None] = ContextVar("kept", default=None)


def computed_once(frame: "DataFrame") -> "DataFrame":
    """The same frame, cached at its first use. Outside of a build nobody forgets it: there the session ends soon."""
    cached = frame.persist()
    kept = _kept.get()
    if kept is not None:
        kept.append(cached)
    return cached


def is_kept(frame: "DataFrame") -> bool:
    """Whether this frame itself is computed once in the present build."""
    return any(frame is one for one in _kept.get() or ())


@contextmanager
def forgotten_afterwards() -> Iterator[None]:
    """Drop what was cached within the block, whatever happens in it."""
    kept: list[DataFrame] = []
    token = _kept.set(kept)
    try:
        yield
    finally:
        _kept.reset(token)
        for frame in kept:
            frame.unpersist()
