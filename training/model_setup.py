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
    arguments = {
        **data_arguments(architecture, source),
        **({"vocabulary": list(vocabulary.words)} if vocabulary else {}),
        "input_shape": (None, None, recipe.batch.channels),
        **recipe.model,
    }
    with PrecisionScope(recipe.precision):
        model = zoo.build(architecture, **arguments)
    for size in (recipe.batch.image_size, *recipe.batch.image_sizes, *recipe.batch.buckets):
        model.check_size(size)
    return model


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
