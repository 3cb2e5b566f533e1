"""What some architectures need done before their gradient steps begin."""

from __future__ import annotations

from training.pipeline import Batches
from training.recipe import Recipe
from training.sources import Source
from zoo import Model


def prepare(model: Model, source: Source, batches: Batches, recipe: Recipe) -> list[str]:
    """Prepares a model that is not yet compiled; returns lines for the user.

    Raises:
        InputError: the data set lacks what the preparation needs.
    """
    if model.task_name != "pose_classification":
        return []
    # scikit-learn takes seconds to import.
    from training.pose_classes import solve_pose_classes

    mirrored = recipe.augmentation.flip_horizontal > 0
    return [solve_pose_classes(model, source, batches, mirrored)]
