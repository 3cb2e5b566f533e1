"""Checks of single values of a configuration; each raises InputError with one line."""

from __future__ import annotations

import math
from typing import Any

from zoo.errors import InputError


def check_number(name: str, value: Any, positive: bool = False, whole: bool = False) -> None:
    """Raises InputError unless `value` is a finite number from 0, or above 0 if `positive`."""
    valid = is_number(value) and (isinstance(value, int) or not whole)
    if not valid or (value <= 0 if positive else value < 0):
        kind, limit = "whole number" if whole else "number", "above 0" if positive else "from 0"
        raise InputError(f"{name} must be a {kind} {limit}, not {value!r}.")


def check_size(name: str, value: Any) -> tuple[int, int]:
    """Returns a (height, width) as a tuple; raises InputError for anything else."""
    if not _is_size(value):
        raise InputError(f"{name} must be [height, width] in pixels, not {value!r}.")
    return tuple(value)


def check_sizes(name: str, value: Any) -> tuple[tuple[int, int], ...]:
    """Returns a list of (height, width) as tuples; raises InputError for anything else."""
    if not isinstance(value, (list, tuple)) or not all(map(_is_size, value)):
        raise InputError(
            f"{name} must be a list of [height, width] in pixels, such as "
            f"[[180, 180], [224, 224]], not {value!r}."
        )
    return tuple(map(tuple, value))


def check_cache(cache: Any) -> str:
    """Returns the kind of cache, `"none"`, `"memory"` or `"disk"`, of a `cache` setting."""
    kind, _, folder = str(cache).partition(":")
    if kind not in ("none", "memory", "disk") or (folder and kind != "disk"):
        raise InputError(f"cache must be 'none', 'memory', 'disk' or 'disk:FOLDER', not {cache!r}.")
    return kind


def is_number(value: Any) -> bool:
    """Returns whether a value is a finite number; booleans are none."""
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)


def _is_size(value: Any) -> bool:
    pair = isinstance(value, (list, tuple)) and len(value) == 2
    return pair and all(type(side) is int and side > 0 for side in value)
