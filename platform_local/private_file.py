"""Files that hold secrets: readable for their owner only, replaced at once."""

from __future__ import annotations

import os
import stat
from contextlib import suppress
from pathlib import Path


def write_private(path: Path, text: str) -> None:
    """Replace ``path`` by a 0600 file with this text; a reader sees the old one or the new one, whole.

    Where it says so already nothing is written: whoever ends the platform on a full disk must be able to.
    """
    with suppress(OSError):
        if path.read_text() == text and stat.S_IMODE(path.stat().st_mode) == 0o600:
            return
    partial = path.with_name(f"{path.name}.{os.getpid()}.partial")
    try:
        with os.fdopen(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
            file.write(text)
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)
