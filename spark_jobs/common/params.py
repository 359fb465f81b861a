"""Params from the command line: ``NAME=VALUE`` put into a frozen dataclass, each value in the type that it had."""

import math
from collections.abc import Sequence
from dataclasses import fields, replace
from typing import Any, TypeVar

P = TypeVar("P")


def with_overrides(params: P, overrides: Sequence[str]) -> P:
    """Params with ``NAME=VALUE`` put in; raises ``ValueError`` for an unknown name, a value of another type, or a float
    that is not finite.

    A tuple of plain values takes them separated by commas.
    """
    changes: dict[str, Any] = {}
    known = {field.name: getattr(params, field.name) for field in fields(params)}  # type: ignore[arg-type]
    for override in overrides:
        name, equals, text = override.partition("=")
        if not equals or name not in known:
            raise ValueError(f"--param takes NAME=VALUE with one of {', '.join(sorted(known))}, not {override!r}.")
        changes[name] = _parsed(name, text, known[name])
    return replace(params, **changes)  # type: ignore[type-var]


def _parsed(name: str, text: str, now: Any) -> Any:
    if isinstance(now, tuple) and now and isinstance(now[0], str | int | float):
        return tuple(_parsed(name, part.strip(), now[0]) for part in text.split(","))
    if not isinstance(now, str | int | float):
        raise ValueError(f"The param {name} cannot be set from the command line.")
    try:
        value = {"true": True, "false": False}[text.lower()] if isinstance(now, bool) else type(now)(text)
    except (KeyError, ValueError) as error:
        raise ValueError(f"The param {name} is a {type(now).__name__}, not {text!r}.") from error
    if isinstance(value, float) and not math.isfinite(value):
        raise ValueError(f"The param {name} is a finite float, not {text!r}.")
    return value
