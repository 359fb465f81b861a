"""How a job can end other than well: blocked by a checkpoint, with nothing left to do, or to be tried again."""

import errno
from collections.abc import Iterator
from contextlib import contextmanager


class Blocked(Exception):
    """A rule keeps the data from being released. The text is the sentence that people read."""

    exit_code = 3


class Settled(Exception):
    """There is nothing to do: the window is released already, or another attempt has taken over."""

    exit_code = 4


class TryAgain(RuntimeError):
    """Nothing is wrong with the data; the same step may succeed later. The text is the sentence that people read."""


@contextmanager
def disk_full_in_words() -> Iterator[None]:
    """Turn a full disk, met by Python or by Spark, into one sentence instead of a screen of Java."""
    try:
        yield
    except Exception as error:
        full = isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT)
        if not full and "No space left on device" not in str(error):
            raise
        raise TryAgain(
            "The disk is full: free some space and run this step again. What was released before is untouched."
        ) from error
