"""Settings of `zoo compare` per task: metrics to show, margin and drawing."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Mapping, Sequence

import numpy as np

from training.drawing import Names, draw, paint_classes
from training.evaluation import EVALUATIONS
from zoo.errors import InputError
from zoo.tasks import TASKS

Predictions = Mapping[str, np.ndarray]
Labels = Sequence[str]
Drawing = Callable[[np.ndarray, Predictions, Labels], np.ndarray]
"""Function from an image (H, W, C) uint8, predictions and class names to an image (H, W, 3)."""


@dataclasses.dataclass(frozen=True)
class Comparison:
    """Settings for the comparison of models of a task.

    `parts` is the key of the evaluation with a value per class, `columns` are those in the table
    (empty for all that are one number), and a difference up to `margin` is too small to choose by.
    `draw` draws predictions or ground truth, which have the same keys.
    """

    parts: str = ""
    columns: tuple[str, ...] = ()
    margin: float = 0.02
    draw: Drawing | None = None


def _draw_segmentation(image: np.ndarray, predictions: Predictions, labels: Labels) -> np.ndarray:
    return paint_classes(predictions["segmentation"], len(labels))


_BOX_KEYS = ("boxes", "labels", "scores", "num_detections", "crowd", "difficult")
_PART_KEYS = ("masks", "keypoints")
_SHOWN_SCORE, _SHOWN_SIDE = 0.3, 320
_BOX_COLUMNS = ("ap", "ap50", "ap75", "ar100")


def _draw_boxes(image: np.ndarray, predictions: Predictions, labels: Labels) -> np.ndarray:
    boxes = {key: value for key, value in predictions.items() if key not in _PART_KEYS}
    return _draw_objects(image, boxes, labels)


def _draw_regions(image: np.ndarray, predictions: Predictions, labels: Labels) -> np.ndarray:
    keys = (*_BOX_KEYS, "texts" if "texts" in predictions else "captions")
    return draw(
        image,
        {key: predictions[key] for key in keys if key in predictions},
        Names(objects=("region",), tokens=tuple(labels)),
        side=_SHOWN_SIDE,
        min_score=_SHOWN_SCORE,
    )


def _draw_objects(image: np.ndarray, predictions: Predictions, labels: Labels) -> np.ndarray:
    shown = {key: predictions[key] for key in (*_BOX_KEYS, *_PART_KEYS) if key in predictions}
    full = "masks" in shown and shown["masks"].shape[1:] == image.shape[:2]
    return draw(
        image,
        shown,
        Names(objects=tuple(labels)),
        side=_SHOWN_SIDE,
        min_score=_SHOWN_SCORE,
        full_masks=full,
    )


COMPARISONS: dict[str, Comparison] = {
    "segmentation": Comparison(parts="iou", draw=_draw_segmentation),
    "detection": Comparison("ap50_by_class", _BOX_COLUMNS, draw=_draw_boxes),
    "instances": Comparison(
        "ap50_by_class",
        (*_BOX_COLUMNS, "mask_ap", "mask_ap50", "keypoint_ap", "keypoint_ap50"),
        draw=_draw_objects,
    ),
    "captioning": Comparison(
        columns=("mean_ap", "detection_ap", "meteor"), margin=0.01, draw=_draw_regions
    ),
}
"""Settings by task; other tasks are compared by their metrics only."""


@dataclasses.dataclass(frozen=True)
class Headline:
    """Metric that ranks the models of a task: its key, and whether `"max"` or `"min"` is better."""

    key: str
    better: str

    @property
    def name(self) -> str:
        """The metric in its usual spelling."""
        return metric_name(self.key)


def metric_name(key: str) -> str:
    """Returns a key of an evaluation in its usual spelling: `mask_ap50` as `mask AP50`."""
    words = key.split("_")
    acronym = "^(ap|ar|pck|oks|meteor)(?=\\d|h?$)"
    written = [re.sub(acronym, lambda m: m[0].upper(), word) for word in words]
    return " ".join(written).replace("iou", "IoU")


def headline(task: str) -> Headline:
    """Returns the metric that selects the best epoch, measured on final predictions."""
    if task not in EVALUATIONS:
        raise InputError(
            f"models of {task} cannot be measured; tasks that can be compared: "
            f"{', '.join(sorted(EVALUATIONS))}."
        )
    key, better = TASKS[task].monitor
    return Headline(key.removeprefix("val_"), better)


def comparison(task: str) -> Comparison:
    """Returns the settings of a task."""
    return COMPARISONS.get(task, Comparison())
