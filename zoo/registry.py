"""From a name to an architecture: every builder of the zoo, found by its name, with its card.

A builder is a function from keyword arguments to a functional `zoo.Model`. `@register` puts it on
the list, checks its arguments and makes the model remember its name and arguments, which is what a
`.keras` file stores.
"""

from __future__ import annotations

import functools
import importlib
import inspect
from collections.abc import Callable
from typing import Any

import keras

from zoo.cards import Card, Paper, PublishedResult
from zoo.errors import InputError, nearest
from zoo.model import Model

_CARDS: dict[str, Card] = {}

# Importing a package registers its architectures.
_PACKAGES = (
    "zoo.classification",
    "zoo.segmentation",
    "zoo.localization",
    "zoo.detection",
    "zoo.instances",
    "zoo.captioning",
    "zoo.darknet",
)


def register(
    name: str,
    *,
    task: str,
    summary: str,
    paper: Paper,
    published: dict[str, Any],
    tiny: dict[str, Any],
    published_results: tuple[PublishedResult, ...] = (),
    paper_parameters: str = "",
    expected_parameters: int | None = None,
    flops_size: tuple[int, int] = (512, 512),
    notes: str = "",
    targets: tuple[str, ...] = (),
    inputs: tuple[str, ...] = ("image",),
    listed: bool = True,
) -> Callable[[Callable[..., Model]], Callable[..., Model]]:
    """Registers a builder under `name`; see `zoo.Card` for the meaning of the other arguments."""

    def decorate(builder: Callable[..., Model]) -> Callable[..., Model]:
        signature = inspect.signature(builder)

        @functools.wraps(builder)
        def build_model(**arguments: Any) -> Model:
            _check_arguments(name, signature, arguments)
            try:
                model = builder(**arguments)
            except (ValueError, TypeError) as error:
                message = " ".join(str(error).split())
                prefix = "" if message.startswith(name) else f"{name}: "
                raise InputError(prefix + message) from error
            model.remember(name, arguments)
            return model

        from zoo.tasks import TASKS

        if name in _CARDS:
            raise ValueError(f"Two architectures are named {name!r}.")
        _CARDS[name] = Card(
            name=name,
            task=task,
            summary=summary,
            paper=paper,
            published=published,
            tiny=tiny,
            published_results=published_results,
            paper_parameters=paper_parameters,
            expected_parameters=expected_parameters,
            flops_size=flops_size,
            notes=notes,
            targets=targets or TASKS[task].targets,
            builder=build_model,
            inputs=inputs,
            listed=listed,
        )
        return build_model

    return decorate


def list_models(task: str | None = None) -> list[str]:
    """Names of all architectures, or of those of one task, in alphabetical order.

    Raises:
        InputError: `task` is not a task of the zoo.
    """
    _load()
    from zoo.tasks import TASKS

    if task is not None and task not in TASKS:
        raise InputError(
            f"Unknown task {task!r}{nearest(task, TASKS)} Tasks: {', '.join(sorted(TASKS))}."
        )
    return sorted(
        name for name, card in _CARDS.items() if card.listed and task in (None, card.task)
    )


def card(name: str) -> Card:
    """The card of the architecture called `name`.

    Raises:
        InputError: no architecture has that name; the message suggests the nearest one.
    """
    _load()
    if name not in _CARDS:
        raise InputError(
            f"Unknown architecture {name!r}{nearest(name, _CARDS)} `zoo list` names them all."
        )
    return _CARDS[name]


def build(name: str, **arguments: Any) -> Model:
    """Builds the architecture called `name`; the arguments are its builder's.

    Raises:
        InputError: unknown name or argument, or a value that the architecture cannot take.
    """
    return card(name).builder(**arguments)


def rebuild(name: str, arguments: dict[str, Any], dtype: str | dict | None = None) -> Model:
    """Builds again what a file remembers, under the precision it was made with."""
    with PrecisionScope(dtype):
        return build(name, **arguments)


class PrecisionScope:
    """Sets Keras' global dtype policy inside a `with` block; None leaves it alone."""

    def __init__(self, policy: str | dict | keras.DTypePolicy | None):
        if isinstance(policy, dict):
            policy = keras.dtype_policies.deserialize(policy)
        self.policy = policy

    def __enter__(self) -> None:
        self.before = keras.config.dtype_policy()
        if self.policy is not None:
            keras.config.set_dtype_policy(self.policy)

    def __exit__(self, *error: object) -> None:
        keras.config.set_dtype_policy(self.before)


def _load() -> None:
    for package in _PACKAGES:
        importlib.import_module(package)


def _check_arguments(name: str, signature: inspect.Signature, arguments: dict[str, Any]) -> None:
    known = list(signature.parameters)
    for argument in arguments:
        if argument not in known:
            raise InputError(
                f"{name} has no argument {argument!r}{nearest(argument, known)} "
                f"It takes: {', '.join(known)}."
            )
    missing = [
        parameter.name
        for parameter in signature.parameters.values()
        if parameter.default is parameter.empty and parameter.name not in arguments
    ]
    if missing:
        raise InputError(f"{name} needs {', '.join(missing)}, for example {missing[0]}=…")
