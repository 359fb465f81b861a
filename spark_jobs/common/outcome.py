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
def outages_in_words() -> Iterator[None]:
    """Turn a full disk, or an S3 that does not answer, met by Python or by Spark, into one sentence instead of a screen of
    Java.
    """
    try:
        yield
    except Exception as error:
        if (mend := _mending(error)) is None:
            raise
        raise TryAgain(f"{mend} and run this step again. What was released before is untouched.") from error


def _mending(error: Exception) -> str | None:
    """What to do about an outage; None when the error is another one, or says so itself."""
    said = str(error)
    full = isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT)
    if full or "No space left on device" in said:
        return "The disk is full: free some space"
    # Of Iceberg's file access: the exceptions of AWS's Java library name its package.
    if "software.amazon.awssdk" not in said:
        return None
    if "Status Code: 403" in said:
        return "S3 refuses the lake's warehouse: check AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and what they may do,"
    return "S3 cannot be reached for the lake's warehouse: wait until it answers"
