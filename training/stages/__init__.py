"""Stages: training of some architectures besides gradient descent.

The card of an architecture names its stages (`Card.stages`); `STAGES` has their classes.
"""

from __future__ import annotations

import importlib

import zoo
from training.recipe import Recipe
from training.stages.stage import Stage
from zoo.errors import InputError

STAGES = {
    "four_step_training": "training.stages.four_step_training.FourStepTraining",
    "pose_classes": "training.stages.pose_classes.PoseClasses",
    "region_svms": "training.stages.rcnn.rcnn_stages.RegionSvms",
}
"""Module and class of each stage."""

OPTIONS = {"four_steps": "four_step_training"}
"""Recipe keys that only apply to architectures with a stage, by that stage."""


def stages_of(architecture: str, recipe: Recipe | None = None) -> list[Stage]:
    """Returns the stages of an architecture, and checks the options of a recipe against them."""
    names = zoo.card(architecture).stages
    for option, stage in OPTIONS.items():
        if recipe is not None and getattr(recipe, option) and stage not in names:
            suited = [name for name in zoo.list_models() if stage in zoo.card(name).stages]
            raise InputError(
                f"recipe: {option} is for {', '.join(suited)}, not for {architecture}; leave it "
                "out."
            )
    return [_stage(STAGES[name]) for name in names]


def _stage(path: str) -> Stage:
    # Imported on use: scikit-learn, which two stages need, takes seconds to import.
    module, _, name = path.rpartition(".")
    return getattr(importlib.import_module(module), name)()
