"""Class and box of the one object against the labels."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from training.evaluation.classification_metrics import LabelTally, at_least_one
from training.evaluation.predictor import Predictor, Samples

THRESHOLD = 0.5
"""IoU above which a box is right, as in the localization challenge of ILSVRC."""


def evaluate_localization(
    predict: Predictor,
    samples: Samples,
    class_names: Sequence[str],
    progress: Callable[[int], None] | None = None,
    joint_names: Sequence[str] = (),
) -> dict[str, Any]:
    """Localization accuracy and its parts.

    Args:
        answer: from an image (H, W, C) uint8 to answers with `label`, `scores` and `box` (4,).
        samples: name and sample of each image; those without the one object - label −1 or a box
            without area - are not counted.
        class_names: of `label`.
        progress: called with the number of images done.
        joint_names: as every evaluation takes them; not used here.

    Returns:
        `localization_accuracy` (class right and IoU above 0.5), `mean_iou` and `box_accuracy` (IoU
        above 0.5) whatever the class, what `evaluate_classification` gives, and `images`.

    Raises:
        InputError: no labelled image, or a class beyond the classes.
    """
    tally = LabelTally(class_names)
    overlaps: list[float] = []
    right: list[bool] = []
    for count, (name, sample) in enumerate(samples, 1):
        box, truth = sample["box"].astype(np.float64), int(sample["label"])
        has_box = box[2] > box[0] and box[3] > box[1]
        if truth >= 0 and has_box:
            found = predict(sample["image"])
            tally.add(name, truth, found)
            overlaps.append(box_iou(box, np.asarray(found["box"], np.float64)))
            right.append(int(found["label"]) == truth)
        if progress:
            progress(count)
    images = at_least_one(len(overlaps))
    good = np.array(overlaps) > THRESHOLD
    return {
        "localization_accuracy": float(np.mean(good & np.array(right))),
        "mean_iou": float(np.mean(overlaps)),
        "box_accuracy": float(np.mean(good)),
        **tally.summary(),
        "images": images,
    }


def box_iou(a: np.ndarray, b: np.ndarray) -> float:
    """Intersection over union of two boxes (4,) xyxy; 0 where either has no area."""
    shared = np.maximum(np.minimum(a[2:], b[2:]) - np.maximum(a[:2], b[:2]), 0).prod()
    areas = [np.maximum(box[2:] - box[:2], 0).prod() for box in (a, b)]
    return float(shared / max(sum(areas) - shared, 1e-12))
