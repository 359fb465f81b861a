"""Seeded simulators: one module or package per pipeline, development data with its ground truth."""

import argparse
from collections.abc import Callable


def within(low: float, high: float, kind: Callable[[str], float]) -> Callable[[str], float]:
    """An option's type: a number of this kind from ``low`` to ``high``."""

    def number(text: str) -> float:
        value = kind(text)
        if not low <= value <= high:
            raise argparse.ArgumentTypeError(f"must lie between {low:g} and {high:g}")
        return value

    number.__name__ = "number"
    return number
