"""What `zoo compare` has to know of a task beyond how its answers are measured."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence

import numpy as np

from training.drawing import paint_classes
from training.evaluation import EVALUATIONS
from zoo.errors import InputError
from zoo.tasks import TASKS

Drawing = Callable[[np.ndarray, Mapping[str, np.ndarray], Sequence[str]], np.ndarray]


@dataclasses.dataclass(frozen=True)
class Comparison:
    """How the models of a task are compared.

    Attributes:
        parts: entry of the task's evaluation with one value a class; empty if it has none.
        margin: difference of the headline metric that is too small to choose by.
        draw: from a picture (H, W, C) uint8, answers (or the truth, which has the same keys) and
            class names to a picture (H, W, 3) uint8; None if the answers cannot be drawn.
    """

    parts: str = ""
    margin: float = 0.02
    draw: Drawing | None = None


def _draw_segmentation(
    image: np.ndarray, answers: Mapping[str, np.ndarray], labels: Sequence[str]
) -> np.ndarray:
    return paint_classes(answers["segmentation"], len(labels))


COMPARISONS: dict[str, Comparison] = {
    "segmentation": Comparison(parts="iou", draw=_draw_segmentation),
}
"""By task; a task that is not here is compared by its metrics alone."""


@dataclasses.dataclass(frozen=True)
class Headline:
    """The metric that models of a task are ranked by.

    Attributes:
        key: its name in the task's evaluation.
        better: `"max"` or `"min"`.
    """

    key: str
    better: str

    @property
    def name(self) -> str:
        """As people write it."""
        return self.key.replace("_", " ").replace("iou", "IoU")


def headline(task: str) -> Headline:
    """The metric by which the best epoch is chosen, measured on final answers.

    Raises:
        InputError: nothing measures the answers of this task yet.
    """
    if task not in EVALUATIONS:
        raise InputError(
            f"the answers of {task} cannot be measured yet; tasks that can be compared: "
            f"{', '.join(sorted(EVALUATIONS))}."
        )
    key, better = TASKS[task].monitor
    return Headline(key.removeprefix("val_"), better)


def comparison(task: str) -> Comparison:
    """The entry of `COMPARISONS`, or the plain one."""
    return COMPARISONS.get(task, Comparison())
