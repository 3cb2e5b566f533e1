"""Measuring final answers against the labels, in the pixels of the original images.

This is what a user gets, not what the loss saw: whatever answers images can be measured, a model
of a run, a SavedModel or a LiteRT file.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from training.evaluation.captioning_metrics import evaluate_captioning
from training.evaluation.classification_metrics import evaluate_classification
from training.evaluation.detection_metrics import evaluate_detection
from training.evaluation.localization_metrics import evaluate_localization
from training.evaluation.pose_metrics import evaluate_pose, evaluate_pose_classification
from training.evaluation.predictor import Predictor, Samples
from training.evaluation.proposal_metrics import proposal_recall
from training.evaluation.segmentation_metrics import evaluate_segmentation
from zoo.errors import InputError
from zoo.tasks import TASKS

if TYPE_CHECKING:
    from training.data.sources import Source

EVALUATIONS: dict[str, Callable[..., dict[str, Any]]] = {
    "classification": evaluate_classification,
    "segmentation": evaluate_segmentation,
    "localization": evaluate_localization,
    "pose": evaluate_pose,
    "pose_classification": evaluate_pose_classification,
    "detection": evaluate_detection,
    "instances": evaluate_detection,
    "captioning": evaluate_captioning,
}
"""How each task's answers are measured.

Each takes `(answer, samples, class_names, progress=None, joint_names=())` and returns a dictionary
of plain values with `images` among them; a value that is not defined on the data is None.
"""


def evaluate(
    task: str,
    predict: Predictor,
    source: Source,
    split: str,
    class_names: Sequence[str] = (),
    samples: Samples | None = None,
    progress: Callable[[int], None] | None = None,
) -> dict[str, Any]:
    """Measures the answers for a split of a data set.

    Args:
        task: name of the task.
        answer: from an image (H, W, C) uint8 to final answers in its pixels.
        source: the data set.
        split: of the data set.
        class_names: of the answers' classes; default the data set's.
        samples: what to measure on, if not the whole split.
        progress: called with the number of images done.

    Raises:
        InputError: nothing measures this task, no such split, or as the task's own measurement.
    """
    if task not in EVALUATIONS:
        raise InputError(
            f"the answers of {task} cannot be measured yet; tasks that can: "
            f"{', '.join(sorted(EVALUATIONS))}."
        )
    names = tuple(class_names) or source.names_for(TASKS[task].classes_of)
    seen = source.samples(source.check_split(split)) if samples is None else samples
    return EVALUATIONS[task](predict, seen, names, progress, source.joint_names)


__all__ = [
    "EVALUATIONS",
    "Predictor",
    "Samples",
    "evaluate",
    "evaluate_captioning",
    "evaluate_classification",
    "evaluate_detection",
    "evaluate_localization",
    "evaluate_pose",
    "evaluate_pose_classification",
    "evaluate_segmentation",
    "proposal_recall",
]
