"""What some architectures need done before their gradient steps begin, and after they end."""

from __future__ import annotations

from collections.abc import Callable

from training.data.pipeline import BatchConfig
from training.data.sources import Source
from training.recipe import Recipe
from training.run import Run
from zoo import Model


def prepare(model: Model, source: Source, batches: BatchConfig, recipe: Recipe) -> list[str]:
    """Prepares a model that is not yet compiled; returns lines for the user.

    Raises:
        InputError: the data set lacks what the preparation needs.
    """
    if model.task_name != "pose_classification":
        return []
    # scikit-learn takes seconds to import.
    from training.stages.pose_classes import solve_pose_classes

    mirrored = recipe.augmentation.flip_horizontal > 0
    return [solve_pose_classes(model, source, batches, mirrored)]


def conclude(run: Run, source: Source, held_out: str, log: Callable[[str], None]) -> None:
    """Does to the best epoch's model of a run what no gradient does; `say` takes lines.

    Raises:
        InputError: the data set lacks what that needs.
    """
    if run.info["architecture"] == "rcnn" and run.info["best"]:
        from training.stages.rcnn import solve_rcnn

        solve_rcnn(run, source, held_out, log)
