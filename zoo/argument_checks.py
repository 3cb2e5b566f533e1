"""Checks of builder arguments; `@register` prefixes the messages with the architecture's name."""

from __future__ import annotations

import inspect
from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING, Any

from zoo.errors import InputError, nearest

if TYPE_CHECKING:
    from zoo.valid_sizes import ValidSizes


def check_choice(name: str, value: Any, choices: Collection[Any]) -> Any:
    """Returns `value`; raises InputError if it is not one of the choices."""
    if value not in choices:
        *others, last = map(repr, choices)
        right = f"{', '.join(others)} or {last}" if others else last
        hint = nearest(str(value), map(str, choices))
        raise InputError(f"{name} must be {right}, not {value!r}{hint}")
    return value


def check_minimum(minimum: float, **arguments: Any) -> None:
    """Raises InputError if a number is below the minimum, or a sequence of numbers is empty."""
    for name, value in arguments.items():
        numbers = value if isinstance(value, Sequence) else (value,)
        if not numbers or min(numbers) < minimum:
            raise InputError(f"{name} must be at least {minimum}, not {value!r}.")


def check_above_zero(**arguments: float) -> None:
    """Raises InputError if a number is not above 0."""
    for name, value in arguments.items():
        if value <= 0:
            raise InputError(f"{name} must be above 0, not {value!r}.")


def check_dropout(dropout: float) -> None:
    """Raises InputError if `dropout` is not a rate."""
    if not 0 <= dropout < 1:
        raise InputError(f"dropout must be in [0, 1), not {dropout!r}.")


def check_input_size(input_shape: Sequence[int | None], sizes: ValidSizes) -> None:
    """Raises InputError if valid convolutions do not allow a fixed side of `input_shape`."""
    for side in input_shape[:2]:
        if side is not None and not sizes.legal(side):
            raise InputError(
                f"input_shape: padding='valid' does not allow a side of {side}; "
                f"use {sizes.nearest(side)}."
            )


def arguments_of(instance: Any) -> dict[str, Any]:
    """Returns the arguments of `__init__` from the attributes of these names, for `get_config`."""
    parameters = list(inspect.signature(type(instance).__init__).parameters.values())[1:]
    names = [parameter.name for parameter in parameters if parameter.kind != parameter.VAR_KEYWORD]
    return {name: getattr(instance, name) for name in names}
