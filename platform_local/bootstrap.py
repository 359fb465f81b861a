"""``make setup``: the environment .venv from the locked requirements. Standard library only: it runs on the machine's
own Python.

    python3 platform_local/bootstrap.py [--dev]

A stamp in .venv remembers what was installed, so that a second call costs nothing.
"""

from __future__ import annotations

import argparse
import errno
import hashlib
import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
VENV = Path(os.environ.get("SIGNALBOX_VENV", ROOT / ".venv"))
OLDEST = (3, 11)
SMALLEST_FREE = 20_000_000
NETWORK_WORDS = (
    "error sending request",
    "failed to fetch",
    "connection refused",
    "failed to establish a new connection",
    "name resolution",
    "timed out",
    "dns error",
    "client error (connect)",
    "no matching distribution found for uv",
)


class SetupError(Exception):
    """One sentence that says what to do."""


def main() -> int:
    parser = argparse.ArgumentParser(description="Make .venv from the locked requirements.")
    parser.add_argument("--dev", action="store_true", help="install what tests and benchmarks need, too")
    files = [ROOT / "requirements.txt", *([ROOT / "requirements-dev.txt"] if parser.parse_args().dev else [])]
    try:
        check_machine()
        set_up(files)
    except SetupError as error:
        print(f"signalbox: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    except OSError as error:
        print(f"signalbox: {os_sentence(error)}", file=sys.stderr)
        return 1
    return 0


def check_machine() -> None:
    """What cannot be installed from here: Python itself and its venv module."""
    if sys.version_info[:2] < OLDEST:
        found = ".".join(map(str, sys.version_info[:3]))
        raise SetupError(
            f"Python 3.11 or newer is needed, but {sys.executable} is {found}: install it (for Debian: python3.11 and "
            "python3.11-venv) and run `make PYTHON=python3.11 …`."
        )
    try:
        import ensurepip
        import venv  # noqa: F401
    except ImportError:
        version = f"{sys.version_info[0]}.{sys.version_info[1]}"
        raise SetupError(
            f"Python's venv module is missing: install it (for Debian: apt-get install python{version}-venv)."
        ) from None
    del ensurepip


def set_up(files: list[Path]) -> None:
    """Install ``files`` into .venv unless the stamp says that just these are there."""
    stamp = VENV / "signalbox.stamp"
    wanted = [f"{file.name} {hashlib.sha256(file.read_bytes()).hexdigest()}" for file in files]
    have = stamp.read_text().splitlines() if stamp.exists() else []
    if set(wanted) <= set(have):
        return
    started = time.monotonic()
    python = VENV / "bin" / "python"
    if not python.exists():
        print(f"Making {VENV} …", flush=True)
        run([sys.executable, "-m", "venv", "--clear", str(VENV)], "making .venv")
    uv = VENV / "bin" / "uv"
    if not uv.exists():
        pin = re.search(r"^uv==\S+", files[0].read_text(), re.MULTILINE)
        run(
            [str(python), "-m", "pip", "install", "--retries", "1", "--no-deps", pin.group() if pin else "uv"],
            "installing uv",
        )
    print(f"Installing {' and '.join(file.name for file in files)} …", flush=True)
    # Files asked for earlier stay asked for: a plain setup must not take away what `make test` installed.
    arguments = [argument for file in files for argument in ("-r", str(file))]
    # Compiled here, once and on all cores: where nothing may write beside the packages, as in a container, each process
    # would compile what it imports anew, and Airflow and Great Expectations are seconds of that.
    install = [str(uv), "pip", "install", "--compile-bytecode", "--python", str(python)]
    run([*install, *arguments], "installing the requirements")
    # Names of earlier files stay when their contents are the present ones.
    kept = [line for line in have if line not in wanted and _is_current(line)]
    stamp.write_text("\n".join([*wanted, *kept]) + "\n")
    print(f"The environment is ready ({time.monotonic() - started:.0f} s).", flush=True)


def _is_current(line: str) -> bool:
    name, _, digest = line.partition(" ")
    file = ROOT / name
    return file.exists() and hashlib.sha256(file.read_bytes()).hexdigest() == digest


def run(command: list[str], doing: str) -> None:
    """Run quietly; what it said is only shown, cut to its reason, when it failed."""
    answer = subprocess.run(
        command, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=environment(), check=False
    )
    if answer.returncode:
        raise SetupError(why(answer.stdout, doing))


def environment() -> dict[str, str]:
    """pip's mirror counts for uv as well, and a closed port shall not be tried for minutes."""
    environ = {"UV_HTTP_RETRIES": "1", "PIP_DISABLE_PIP_VERSION_CHECK": "1", **os.environ}
    mirror = environ.get("PIP_INDEX_URL")
    if mirror and "UV_INDEX_URL" not in environ:
        environ.setdefault("UV_DEFAULT_INDEX", mirror)
    if ca_bundle := environ.get("PIP_CERT"):
        environ.setdefault("SSL_CERT_FILE", ca_bundle)
    return environ


def why(output: str, doing: str) -> str:
    """The sentence for a failed pip, uv or venv."""
    lowered = output.lower()
    # venv keeps to itself what its pip met.
    if "no space left" in lowered or "disk quota" in lowered or shutil.disk_usage(VENV.parent).free < SMALLEST_FREE:
        return os_sentence(OSError(errno.ENOSPC, "No space left on device"))
    if any(words in lowered for words in NETWORK_WORDS):
        return (
            f"No package registry could be reached ({doing}): connect to the network, or set PIP_INDEX_URL to a "
            "mirror of PyPI that you can reach; once everything is installed Signalbox works offline."
        )
    last = [line for line in output.splitlines() if line.strip()][-5:]
    return f"Failed while {doing}: {' / '.join(line.strip() for line in last) or 'no output'}"


def os_sentence(error: OSError) -> str:
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        free = shutil.disk_usage(VENV.parent).free / 1e9
        return f"The disk is full ({free:.1f} GB free beside {VENV}, about 3 GB are needed): free some space."
    return f"Failed while making {VENV}: {error}."


if __name__ == "__main__":
    sys.exit(main())
