"""Which code and which params made a table: hashes for the receipt."""

import dataclasses
import functools
import hashlib
import json
import os
import subprocess
from pathlib import Path
from typing import Any


@functools.cache
def code_sha() -> str:
    """The commit that runs: ``SIGNALBOX_GIT_SHA`` in an image, else git's answer, else ``unknown``."""
    if sha := os.environ.get("SIGNALBOX_GIT_SHA"):
        return sha
    root = Path(__file__).resolve().parents[2]
    asked = subprocess.run(["git", "-C", str(root), "rev-parse", "HEAD"], capture_output=True, text=True, check=False)
    return asked.stdout.strip() or "unknown"


def described(params: Any) -> dict[str, Any]:
    """A params dataclass as plain JSON values."""
    plain: dict[str, Any] = json.loads(json.dumps(dataclasses.asdict(params), default=str))
    return plain


def fingerprint(value: Any) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()[:16]
