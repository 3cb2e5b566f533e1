"""Checks of builder arguments; `@register` prefixes the messages with the architecture's name."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from zoo.errors import InputError, nearest

if TYPE_CHECKING:
    from zoo.valid_sizes import ValidSizes


def check_choice(name: str, value: Any, choices: Iterable[str]) -> Any:
    """Returns `value` if it is one of the choices.

    Raises:
        InputError: if it is not.
    """
    *others, last = map(repr, choices)
    if value not in choices:
        right = f"{', '.join(others)} or {last}" if others else last
        raise InputError(f"{name} must be {right}, not {value!r}{nearest(str(value), choices)}")
    return value


def check_minimum(minimum: float, **arguments: Any) -> None:
    """Checks numbers and sequences of numbers; a sequence must not be empty either.

    Raises:
        InputError: if a number is below the minimum; the message names the argument.
    """
    for name, value in arguments.items():
        numbers = value if isinstance(value, Sequence) else (value,)
        if not numbers or min(numbers) < minimum:
            raise InputError(f"{name} must be at least {minimum}, not {value!r}.")


def check_dropout(dropout: float) -> None:
    """Raises InputError if `dropout` is not a rate."""
    if not 0 <= dropout < 1:
        raise InputError(f"dropout must be in [0, 1), not {dropout!r}.")


def check_input_size(input_shape: Sequence[int | None], sizes: ValidSizes) -> None:
    """Checks the fixed sides of `input_shape` against the sizes that valid convolutions allow.

    Raises:
        InputError: if a side is not allowed; the message names the nearest that are.
    """
    for side in input_shape[:2]:
        if side is not None and not sizes.legal(side):
            raise InputError(
                f"input_shape: padding='valid' does not allow a side of {side}; "
                f"use {sizes.nearest(side)}."
            )
