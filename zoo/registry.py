"""Registering builders: functions from keyword arguments to a `zoo.Model`."""

from __future__ import annotations

import functools
import inspect
import os
import re
from collections.abc import Callable, Mapping
from typing import Any

from zoo.cards import Card, Paper, PublishedResult
from zoo.catalog import add, card
from zoo.console import log
from zoo.errors import InputError, nearest
from zoo.loading import load_weights
from zoo.model import Model
from zoo.tasks import TASKS

_WEIGHTS_LINE = (
    'weights: file to start from (`.keras`, `.weights.h5` or `.h5`), or `"imagenet"` for the\n'
    "    weights that Keras publishes for the backbone; None for random initial values."
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
    joint_targets: tuple[str, ...] = (),
    inputs: tuple[str, ...] = ("image",),
    stages: tuple[str, ...] = (),
    listed: bool = True,
) -> Callable[[Callable[..., Model]], Callable[..., Model]]:
    """Registers a builder under `name`; see `zoo.Card` for the meaning of the other arguments.

    The registered builder checks the names of its arguments, takes `weights` beside them, and
    makes the model remember its name and arguments, which is what a `.keras` file stores.
    """

    def decorate(builder: Callable[..., Model]) -> Callable[..., Model]:
        signature = inspect.signature(builder)

        @functools.wraps(builder)
        def build_model(
            *, weights: str | os.PathLike[str] | None = None, **arguments: Any
        ) -> Model:
            _check_arguments(name, signature, arguments)
            try:
                model = builder(**arguments)
            except (ValueError, TypeError) as error:
                message = " ".join(re.sub(r"\x1b\[\d*m", "", str(error)).split())
                prefix = "" if message.startswith(name) else f"{name}: "
                raise InputError(prefix + message) from error
            model.remember(name, arguments)
            if weights is not None:
                report = load_weights(model, weights)
                if report.not_loaded:
                    log(f"{name}: {report.summary} from {weights}.")
            return model

        build_model.__signature__ = _with_weights(signature)  # type: ignore[attr-defined]
        build_model.__doc__ = _documented(builder.__doc__)
        add(
            Card(
                name=name,
                task=task,
                summary=summary,
                paper=paper,
                module=builder.__module__,
                published=published,
                tiny=tiny,
                published_results=published_results,
                paper_parameters=paper_parameters,
                expected_parameters=expected_parameters,
                flops_size=flops_size,
                notes=notes,
                targets=targets or TASKS[task].targets,
                joint_targets=joint_targets,
                inputs=inputs,
                stages=stages,
                listed=listed,
                _builder=build_model,
            )
        )
        return build_model

    return decorate


def build(name: str, weights: str | os.PathLike[str] | None = None, **arguments: Any) -> Model:
    """Builds the architecture called `name`.

    Args:
        name: registry name, one of `zoo.list_models()`.
        weights: file to start from (`.keras`, `.weights.h5` or `.h5`), or `"imagenet"` for the
            weights that Keras publishes for the backbone; None for random initial values.
        **arguments: arguments of the builder.

    Raises:
        InputError: if a name or value is wrong, or the weights cannot be loaded.
    """
    return card(name).builder(weights=weights, **arguments)


def _with_weights(signature: inspect.Signature) -> inspect.Signature:
    """The signature with `weights` before `name`."""
    weights = inspect.Parameter(
        "weights",
        inspect.Parameter.KEYWORD_ONLY,
        default=None,
        annotation="str | os.PathLike[str] | None",
    )
    parameters = list(signature.parameters.values())
    index = next((i for i, p in enumerate(parameters) if p.name == "name"), len(parameters))
    return signature.replace(parameters=[*parameters[:index], weights, *parameters[index:]])


def _documented(text: str | None) -> str | None:
    """The docstring with a line for `weights` before that of `name`."""
    found = re.search(r"^( +)name: ", text or "", re.MULTILINE)
    if text is None or found is None:
        return text
    line = found[1] + _WEIGHTS_LINE.replace("\n", f"\n{found[1]}")
    return f"{text[: found.start()]}{line}\n{text[found.start() :]}"


def _check_arguments(name: str, signature: inspect.Signature, arguments: dict[str, Any]) -> None:
    known = list(signature.parameters)
    for argument, value in arguments.items():
        if argument not in known:
            raise InputError(
                f"{name} has no argument {argument!r}{nearest(argument, known)} "
                f"Available: {', '.join([*known, 'weights'])}."
            )
        if isinstance(value, Mapping) and "weights" in value:
            raise InputError(f"{name}: {argument} must not contain 'weights'; use weights=….")
    missing = [
        parameter.name
        for parameter in signature.parameters.values()
        if parameter.default is parameter.empty and parameter.name not in arguments
    ]
    if missing:
        raise InputError(f"{name} needs {', '.join(missing)}, for example {missing[0]}=….")
