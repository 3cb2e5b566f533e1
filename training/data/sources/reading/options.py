"""Options of a data set, given as text after the `?` of its name."""

from __future__ import annotations

from zoo.errors import InputError


def read_flag(name: str, text: str) -> bool:
    """Returns whether an option is on: `1` is on, `0` and an empty text are off."""
    if text not in ("", "0", "1"):
        raise InputError(f"{name} must be 0 or 1, not {text!r}.")
    return text == "1"


def read_whole_number(name: str, text: str, low: int = 0, high: int = 999_999_999) -> int:
    """Returns a whole number from `low` to `high`."""
    if not (text.isdecimal() and len(text) < 10 and low <= int(text) <= high):
        raise InputError(f"{name} must be a whole number from {low} to {high}, not {text!r}.")
    return int(text)


def read_fraction(name: str, text: str) -> float:
    """Returns a number between 0 and 1, both excluded."""
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0.0 < value < 1.0:
        raise InputError(f"{name} must be between 0 and 1, such as 0.2, not {text!r}.")
    return value


def read_names(text: str) -> list[str]:
    """Returns the names in a list separated by commas, without empty ones."""
    return [name.strip() for name in text.split(",") if name.strip()]
