"""What `zoo compare` has to know of a task beyond how its answers are measured."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Mapping, Sequence

import numpy as np

from training.drawing import Names, draw, paint_classes
from training.evaluation import EVALUATIONS
from zoo.errors import InputError
from zoo.tasks import TASKS

Drawing = Callable[[np.ndarray, Mapping[str, np.ndarray], Sequence[str]], np.ndarray]


@dataclasses.dataclass(frozen=True)
class Comparison:
    """How the models of a task are compared.

    Attributes:
        parts: entry of the task's evaluation with one value a class; empty if it has none.
        columns: entries of the evaluation for the table; empty for all that are one number.
        margin: difference of the headline metric that is too small to choose by.
        draw: from an image (H, W, C) uint8, answers (or the truth, which has the same keys) and
            class names to an image (H, W, 3) uint8; None if the answers cannot be drawn.
    """

    parts: str = ""
    columns: tuple[str, ...] = ()
    margin: float = 0.02
    draw: Drawing | None = None


def _draw_segmentation(
    image: np.ndarray, predictions: Mapping[str, np.ndarray], labels: Sequence[str]
) -> np.ndarray:
    return paint_classes(predictions["segmentation"], len(labels))


_BOX_KEYS = ("boxes", "labels", "scores", "num_detections", "crowd", "difficult")
_PART_KEYS = ("masks", "keypoints")
_SHOWN_SCORE, _SHOWN_SIDE = 0.3, 320
_BOX_COLUMNS = ("ap", "ap50", "ap75", "ar100")


def _draw_boxes(
    image: np.ndarray, predictions: Mapping[str, np.ndarray], labels: Sequence[str]
) -> np.ndarray:
    boxes_alone = {key: value for key, value in predictions.items() if key not in _PART_KEYS}
    return _draw_objects(image, boxes_alone, labels)


def _draw_regions(
    image: np.ndarray, predictions: Mapping[str, np.ndarray], labels: Sequence[str]
) -> np.ndarray:
    keys = (*_BOX_KEYS, "texts" if "texts" in predictions else "captions")
    return draw(
        image,
        {key: predictions[key] for key in keys if key in predictions},
        Names(objects=("region",), words=tuple(labels)),
        side=_SHOWN_SIDE,
        min_score=_SHOWN_SCORE,
    )


def _draw_objects(
    image: np.ndarray, predictions: Mapping[str, np.ndarray], labels: Sequence[str]
) -> np.ndarray:
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
        return metric_name(self.key)


def metric_name(key: str) -> str:
    """An entry of an evaluation as people write it: `mask_ap50` as `mask AP50`."""
    words = key.split("_")
    acronym = "^(ap|ar|pck|oks|meteor)(?=\\d|h?$)"
    written = [re.sub(acronym, lambda m: m[0].upper(), word) for word in words]
    return " ".join(written).replace("iou", "IoU")


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
