"""The batch config and the model of a recipe, for a data set."""

from __future__ import annotations

import dataclasses
import inspect
from typing import Any

import zoo
from training.data.batch_config import BatchConfig
from training.data.body_joints import torso_of
from training.data.sources import JointSource, Source
from training.data.vocabulary import Vocabulary
from training.recipe import Recipe
from zoo.errors import InputError
from zoo.precision import PrecisionScope
from zoo.tasks import TASKS


def batch_config_of(architecture: str, recipe: Recipe, source: Source | None = None) -> BatchConfig:
    """Returns the recipe's batch config with the task and the targets of an architecture.

    A data set that joins others may add targets.
    """
    card = zoo.card(architecture)
    joint_targets = card.joint_targets if isinstance(source, JointSource) else ()
    changes: dict[str, Any] = {"targets": (*card.targets, *card.inputs[1:], *joint_targets)}
    parameters = inspect.signature(card.builder).parameters
    if "max_words" in parameters:
        default = parameters["max_words"].default
        changes["max_words"] = int(recipe.model.get("max_words", default))
    return dataclasses.replace(recipe.batch, task=card.task, **changes)


def build_model(
    architecture: str, source: Source, recipe: Recipe, vocabulary: Vocabulary | None = None
) -> zoo.Model:
    """Builds the architecture with the recipe's arguments, for the classes of a data set."""
    from_data = data_arguments(architecture, source)
    _check_model_arguments(source, recipe, from_data)
    arguments = {
        **from_data,
        **({"vocabulary": list(vocabulary.words)} if vocabulary else {}),
        "input_shape": (None, None, recipe.batch.channels),
        **recipe.model,
    }
    with PrecisionScope(recipe.precision):
        model = zoo.build(architecture, **arguments)
    for size in (recipe.batch.image_size, *recipe.batch.image_sizes, *recipe.batch.buckets):
        model.check_size(size)
    return model


def _check_model_arguments(source: Source, recipe: Recipe, from_data: dict[str, Any]) -> None:
    """Checks the recipe's arguments of the builder against the data set and the batches."""
    shape, channels = recipe.model.get("input_shape"), recipe.batch.channels
    if shape is not None:
        sides = list(shape) if isinstance(shape, (list, tuple)) else []
        if len(sides) != 3 or not all(side is None or type(side) is int for side in sides):
            raise InputError(
                "model.input_shape must be height, width and channels, such as "
                f"[256, 256, {channels}], not {shape!r}; leave it out for images of any size."
            )
        if sides[2] not in (1, 3):
            raise InputError(f"model.input_shape must have 1 or 3 channels, not {sides[2]}.")
        if sides[2] != channels:
            raise InputError(
                f"model.input_shape has channels={sides[2]}, but images are read with "
                f"channels={channels}; set channels={sides[2]}."
            )
    for argument in ("num_classes", "num_keypoints"):
        given, needed = recipe.model.get(argument), from_data.get(argument)
        if type(given) is int and needed is not None and given < needed:
            raise InputError(
                f"{source.spec}: labels go up to {needed - 1}, but model.{argument} is {given}; "
                f"leave it out, or use model.{argument}={needed}."
            )


def data_arguments(architecture: str, source: Source) -> dict[str, Any]:
    """Returns the builder's arguments that the data set decides, such as `num_classes`."""
    card = zoo.card(architecture)
    parameters = inspect.signature(card.builder).parameters
    keys = {"num_classes": TASKS[card.task].classes_of, "num_keypoints": "keypoints"}
    counts: dict[str, Any] = {
        argument: len(source.names_for(key))
        for argument, key in keys.items()
        if argument in parameters
    }
    for argument, count in counts.items():
        if not count:
            raise InputError(
                f"{source.spec}: no names for {keys[argument]}, which decide the {argument} of "
                f"{architecture}; use a data set that has them."
            )
    if "parents" in parameters and isinstance(source, JointSource):
        return {**counts, "parents": list(source.parents)}
    torso = torso_of(source.keypoint_names) if "torso" in parameters else None
    return counts if torso is None else {**counts, "torso": list(torso)}
