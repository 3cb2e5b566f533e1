"""What `zoo bench` measures: a model by name or from a run, on which canvas, in which batches."""

from __future__ import annotations

import dataclasses
import json
from argparse import Namespace
from pathlib import Path
from typing import Any

import zoo
from training.recipe import Recipe, from_dict, parse_setting, recipe_for
from training.run import open_run
from zoo.errors import InputError, nearest

PARTS = ("forward", "forward_batch", "train_step", "saved_model", "litert")
"""What can be measured of a model, in the order in which it is made ready."""


@dataclasses.dataclass(frozen=True)
class Bench:
    """One model to measure.

    Attributes:
        name: to show.
        architecture: registry name.
        arguments: of its builder; its weights are random.
        path: the `.keras` file whose model is measured instead, or empty.
        image_size: canvas height and width.
        batch_size: of `forward_batch` and `train_step`.
        parts: of `PARTS`.
        recipe: how it is trained.
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
        """The plan as text, for the process that carries it out."""
        return json.dumps({**dataclasses.asdict(self), "recipe": self.recipe.to_dict()})

    @classmethod
    def from_json(cls, text: str) -> Bench:
        """The plan that `to_json` wrote."""
        data = json.loads(text)
        tuples = {key: tuple(data[key]) for key in ("image_size", "parts")}
        return cls(**{**data, **tuples, "recipe": from_dict(data["recipe"])})


def make_benches(options: Namespace) -> list[Bench]:
    """A plan for each model named.

    Raises:
        InputError: unknown model, part or setting, or a number out of range.
    """
    for part in options.parts:
        if part not in PARTS:
            raise InputError(
                f"--parts {part}: no such part{nearest(part, PARTS)} There are {', '.join(PARTS)}."
            )
    if options.rounds < 1 or not 0 < options.seconds < 3600:
        raise InputError("--rounds is 1 or more, --seconds a time above 0.")
    settings = dict(parse_setting(text) for text in options.set)
    for key in ("batch_size", "image_size"):
        if getattr(options, key) is not None:
            settings[key] = getattr(options, key)
    names = list(dict.fromkeys(options.names))
    return [_bench(name, options, settings) for name in names]


def _bench(name: str, options: Namespace, settings: dict[str, Any]) -> Bench:
    parts = tuple(part for part in PARTS if not options.parts or part in options.parts)
    if not Path(name).exists():
        return _of_architecture(name, parts, options.tiny, settings)
    if any(key.startswith("model.") for key in settings) or options.tiny:
        raise InputError(f"{name}: a trained model is as it is; --tiny and model.… are for names.")
    if Path(name).is_dir():
        run = open_run(name)
        recipe = run.recipe.changed(settings)
        run.model()  # says in one line what is wrong with it
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
    size = (int(recipe.image_size[0]), int(recipe.image_size[1]))
    return Bench(name, architecture, arguments, path, size, recipe.batch_size, parts, recipe)
