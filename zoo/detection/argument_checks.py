"""Checks of arguments that all detectors have."""

from __future__ import annotations

from collections.abc import Sequence

from zoo.errors import InputError


def check_detector(name: str, num_classes: int, **positive: float) -> None:
    """Raises InputError if `num_classes` is below 1 or another value is not above 0."""
    if num_classes < 1:
        raise InputError(
            f"{name}: num_classes must be at least 1 (without background), not {num_classes}."
        )
    for argument, value in positive.items():
        if value <= 0:
            raise InputError(f"{name}: {argument} must be above 0, not {value}.")


def check_choice(name: str, argument: str, value: object, choices: Sequence[str]) -> None:
    """Raises InputError if `value` is not among `choices`."""
    if value not in choices:
        known = ", ".join(repr(choice) for choice in choices)
        raise InputError(f"{name}: {argument} must be one of {known}, not {value!r}.")
