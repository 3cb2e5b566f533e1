"""Plan of `zoo bench`: model, model input size, batch size and parts of a measurement."""

from __future__ import annotations

import dataclasses
import json
from argparse import Namespace
from pathlib import Path
from typing import Any

import zoo
from training.recipe import Recipe, parse_setting, recipe_for
from training.run import open_run
from zoo.errors import InputError, nearest

PARTS = ("forward", "forward_batch", "train_step", "saved_model", "litert")
"""Parts of a model that can be measured, in the order of their preparation."""


@dataclasses.dataclass(frozen=True)
class Bench:
    """The measurement of one model, of the file `path` or, where that is empty, of random weights.

    `image_size` is the model input size (H, W), `batch_size` that of `forward_batch` and
    `train_step`, `arguments` those of the builder.
    """

    name: str
    architecture: str
    arguments: dict[str, Any]
    path: str
    image_size: tuple[int, int]
    batch_size: int
    parts: tuple[str, ...]
    recipe: Recipe

    def to_json(self) -> str:
        """Returns the plan as text, for the process that measures."""
        return json.dumps({**dataclasses.asdict(self), "recipe": self.recipe.to_dict()})

    @classmethod
    def from_json(cls, text: str) -> Bench:
        """Returns the plan that `to_json` wrote."""
        data = json.loads(text)
        tuples = {key: tuple(data[key]) for key in ("image_size", "parts")}
        return cls(**{**data, **tuples, "recipe": Recipe.of(**data["recipe"])})


def make_benches(options: Namespace) -> list[Bench]:
    """Returns a plan per model of the command line; raises InputError for unknown values."""
    for part in options.parts:
        if part not in PARTS:
            raise InputError(
                f"--parts: unknown part {part!r}{nearest(part, PARTS)} Available: "
                f"{', '.join(PARTS)}."
            )
    if options.rounds < 1:
        raise InputError(f"--rounds must be at least 1, not {options.rounds}.")
    if not 0 < options.seconds < 3600:
        raise InputError(f"--seconds must be above 0 and below 3600, not {options.seconds:g}.")
    settings = dict(parse_setting(text) for text in options.set)
    for key in ("batch_size", "image_size"):
        if getattr(options, key) is not None:
            settings[key] = getattr(options, key)
    names = list(dict.fromkeys(options.names))
    return [_make_bench(name, options, settings) for name in names]


def _make_bench(name: str, options: Namespace, settings: dict[str, Any]) -> Bench:
    parts = tuple(part for part in PARTS if not options.parts or part in options.parts)
    if not Path(name).exists():
        return _of_architecture(name, parts, options.tiny, settings)
    if any(key.startswith("model.") for key in settings) or options.tiny:
        raise InputError(
            f"{name}: --tiny and model.* apply to architecture names, not to trained runs."
        )
    if Path(name).is_dir():
        run = open_run(name)
        recipe = run.recipe.changed(settings)
        run.model()  # raises InputError where it is damaged
        return _plan(name, run.info["architecture"], {}, f"{name}/model.keras", parts, recipe)
    model = zoo.load(name)
    recipe = recipe_for(str(model.architecture), model.task_name).changed(settings)
    return _plan(name, str(model.architecture), {}, name, parts, recipe)


def _of_architecture(
    name: str, parts: tuple[str, ...], tiny: bool, settings: dict[str, Any]
) -> Bench:
    card = zoo.card(name)
    recipe = recipe_for(name, card.task).changed(settings)
    arguments = {**(card.tiny if tiny else card.published)}
    arguments |= {k.partition(".")[2]: v for k, v in settings.items() if k.startswith("model.")}
    shape = arguments.get("input_shape")
    if shape and None not in shape and "image_size" not in settings:
        recipe = recipe.changed({"image_size": list(shape[:2])})
    return _plan(name, name, arguments, "", parts, recipe)


def _plan(
    name: str,
    architecture: str,
    arguments: dict[str, Any],
    path: str,
    parts: tuple[str, ...],
    recipe: Recipe,
) -> Bench:
    size = (int(recipe.batch.image_size[0]), int(recipe.batch.image_size[1]))
    return Bench(name, architecture, arguments, path, size, recipe.batch.batch_size, parts, recipe)
