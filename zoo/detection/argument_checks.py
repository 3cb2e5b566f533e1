"""Checks of arguments that all detectors have."""

from __future__ import annotations

from zoo.errors import InputError


def check_detector(name: str, num_classes: int, **positive: float) -> None:
    """Raises InputError for numbers that no detector can have."""
    if num_classes < 1:
        raise InputError(
            f"{name}: num_classes is at least 1 (the background is not counted), not {num_classes}."
        )
    for argument, value in positive.items():
        if value <= 0:
            raise InputError(f"{name}: {argument} is above 0, not {value}.")
