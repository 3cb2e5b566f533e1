"""Metrics of localization: class and box of the one object in an image."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from training.evaluation.classification_metrics import LabelAccumulator, require_images
from training.evaluation.predictor import Predictor, Samples, counted

THRESHOLD = 0.5
"""IoU above which a box is right, as in the localization challenge of ILSVRC."""


def evaluate_localization(
    predict: Predictor,
    samples: Samples,
    class_names: Sequence[str],
    progress: Callable[[int], None] | None = None,
    keypoint_names: Sequence[str] = (),
) -> dict[str, Any]:
    """Returns the localization accuracy and related metrics.

    Predictions have `label` (), `scores` (classes,) and `box` (4,). Images without the object
    (label −1, or a box without area) do not count.

    Returns:
        `localization_accuracy` (class right and IoU above 0.5), `mean_iou` and `box_accuracy` (IoU
        above 0.5) regardless of the class, the metrics of `evaluate_classification`, and `images`.
    """
    labels = LabelAccumulator(class_names)
    ious: list[float] = []
    class_right: list[bool] = []
    for name, sample in counted(samples, progress, required=False):
        box, label = sample["box"].astype(np.float64), int(sample["label"])
        has_box = box[2] > box[0] and box[3] > box[1]
        if label >= 0 and has_box:
            prediction = predict(sample["image"])
            labels.add(name, label, prediction)
            ious.append(box_iou(box, np.asarray(prediction["box"], np.float64)))
            class_right.append(int(prediction["label"]) == label)
    images = require_images(len(ious))
    box_right = np.array(ious) > THRESHOLD
    return {
        "localization_accuracy": float(np.mean(box_right & np.array(class_right))),
        "mean_iou": float(np.mean(ious)),
        "box_accuracy": float(np.mean(box_right)),
        **labels.result(),
        "images": images,
    }


def box_iou(a: np.ndarray, b: np.ndarray) -> float:
    """Returns the IoU of two boxes (4,) xyxy; 0 if either has no area."""
    intersection = np.maximum(np.minimum(a[2:], b[2:]) - np.maximum(a[:2], b[:2]), 0).prod()
    areas = [np.maximum(box[2:] - box[:2], 0).prod() for box in (a, b)]
    return float(intersection / max(sum(areas) - intersection, 1e-12))
