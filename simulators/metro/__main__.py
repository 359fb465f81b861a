"""`python -m simulators.metro`: see the package's docstring."""

from __future__ import annotations

import argparse

from simulators.metro import add_arguments, simulate

parser = argparse.ArgumentParser(prog="python -m simulators.metro")
add_arguments(parser)
simulate(parser.parse_args())
