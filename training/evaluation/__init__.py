"""Metrics of predictions against the labels, in original-image coordinates.

Anything that predicts can be evaluated: a model of a run, a SavedModel or a LiteRT file.
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
from training.evaluation.segmentation_evaluation import evaluate_segmentation
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
"""The evaluation of each task.

Each takes `(predict, samples, class_names, progress=None, keypoint_names=())`: a function from an
image (H, W, C) uint8 to its predictions, name and sample of each image, class names, a function
that takes the number of images done, and keypoint names. It returns the metrics by name, `images`
among them; a metric that is not defined on the data is None. It raises InputError if there is no
image with labels, or a label or a predicted class is not among the classes.
"""


_OPTIONAL = {"instances": ("masks",), "pose_classification": ("keypoints", "box")}
"""Targets of a task without which metrics remain."""


def evaluate_predictor(
    task: str,
    predict: Predictor,
    source: Source,
    split: str,
    class_names: Sequence[str] = (),
    samples: Samples | None = None,
    progress: Callable[[int], None] | None = None,
) -> dict[str, Any]:
    """Evaluates predictions for a split of a data set.

    Args:
        task: name of the task.
        predict: function from an image (H, W, C) uint8 to its predictions.
        source: data set.
        split: split of the data set.
        class_names: class names of the predictions; default those of the data set.
        samples: samples of the split to evaluate; default all of them.
        progress: function that takes the number of images done.

    Raises:
        InputError: if the task has no evaluation, there is no such split, the data set lacks the
            labels of the task, or the labels or the predictions do not suit the task.
    """
    if task not in EVALUATIONS:
        raise InputError(
            f"task must be one with an evaluation ({', '.join(sorted(EVALUATIONS))}), not {task!r}."
        )
    keys = (*source.keys, *(["captions"] if "texts" in source.keys else []))
    unneeded = (*keys, *_OPTIONAL.get(task, ()))
    missing = [key for key in TASKS[task].targets if key not in unneeded]
    if missing:
        raise InputError(
            f"{source.spec}: the data set has no {', '.join(missing)} to measure {task}; it has "
            f"{', '.join(source.keys)}."
        )
    names = tuple(class_names) or source.names_for(TASKS[task].classes_of)
    if samples is None:
        samples = source.samples(source.check_split(split))
    return EVALUATIONS[task](predict, samples, names, progress, source.keypoint_names)


__all__ = [
    "EVALUATIONS",
    "Predictor",
    "Samples",
    "evaluate_captioning",
    "evaluate_classification",
    "evaluate_detection",
    "evaluate_localization",
    "evaluate_pose",
    "evaluate_pose_classification",
    "evaluate_predictor",
    "evaluate_segmentation",
    "proposal_recall",
]
