"""Named places where a test may kill, stop or starve a job: ``SIGNALBOX_FAULT=<point>[:kill|stop|enospc]``.

The variable is unset outside tests; then a point does nothing.
"""

import errno
import os
import signal


def point(name: str) -> None:
    """Die, stop or run out of disk here if the environment says so."""
    wanted, _, action = os.environ.get("SIGNALBOX_FAULT", "").partition(":")
    if wanted != name:
        return
    if action == "enospc":
        raise OSError(errno.ENOSPC, "No space left on device")
    os.kill(os.getpid(), signal.SIGSTOP if action == "stop" else signal.SIGKILL)
