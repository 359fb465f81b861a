"""Errors of the local platform: one clear sentence that says what to do."""

from __future__ import annotations

import errno


class Problem(Exception):
    """Something that the person at the keyboard can mend; its text is the whole message, shown without a traceback."""


def from_os_error(error: OSError, doing: str) -> Problem:
    """The sentence for an operating system error met while ``doing`` something (a phrase such as "writing
    var/jars").
    """
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return Problem(
            f"The disk is full ({doing}): free some space, or set SIGNALBOX_HOME to a folder on a larger disk."
        )
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return Problem(f"No permission ({doing}: {error}): set SIGNALBOX_HOME to a folder that you may write to.")
    return Problem(f"Failed while {doing}: {error}.")
