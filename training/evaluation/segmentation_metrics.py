"""Metrics of semantic segmentation."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from training.evaluation.predictor import Predictor, Samples
from zoo.errors import InputError
from zoo.tasks.sample_schema import IGNORE


def evaluate_segmentation(
    predict: Predictor,
    samples: Samples,
    class_names: Sequence[str],
    progress: Callable[[int], None] | None = None,
    keypoint_names: Sequence[str] = (),
) -> dict[str, Any]:
    """Returns the mean IoU and related metrics.

    Args:
        predict: function from an image (H, W, C) uint8 to `segmentation` (H, W).
        samples: name and sample of each image.
        class_names: names of the classes of the segmentation map.
        progress: function that takes the number of images done.
        keypoint_names: unused.

    Returns:
        `mean_iou`, `mean_dice`, `pixel_accuracy` and `mean_accuracy` as fractions; `iou` by class
        name (None for a class that occurs in neither labels nor predictions; the means leave it
        out); `images`; and `majority_baseline`, the pixel accuracy and mean IoU of always
        predicting the most frequent class.

    Raises:
        InputError: if there is no image, or a label or prediction is not among the classes.
    """
    classes = len(class_names)
    matrix = np.zeros((classes, classes), np.int64)
    count = 0
    for count, (name, sample) in enumerate(samples, 1):
        truth = sample["segmentation"]
        predicted = predict(sample["image"])["segmentation"]
        if predicted.shape != truth.shape:
            raise ValueError(
                f"{name}: segmentation must have the shape {truth.shape}, not {predicted.shape}."
            )
        valid = truth != IGNORE
        if valid.any() and truth[valid].max() >= classes:
            raise InputError(
                f"{name}: labels must be classes from 0 to {classes - 1}, not "
                f"{truth[valid].max()}; correct the label map."
            )
        if predicted.min(initial=0) < 0 or predicted.max(initial=0) >= classes:
            raise InputError(
                f"{name}: the predicted class is {predicted.max()}, but the data set has {classes} "
                "classes; evaluate on data with the classes of the model."
            )
        cells = classes * truth[valid].astype(np.int64) + predicted[valid]
        matrix += np.bincount(cells, minlength=classes**2).reshape(classes, classes)
        if progress:
            progress(count)
    if not count:
        raise InputError("no image to evaluate on; use another split.")
    return {**_metrics(matrix, list(class_names)), "images": count}


def _metrics(matrix: np.ndarray, names: list[str]) -> dict[str, Any]:
    """Returns the metrics of a confusion matrix with one row per true class."""
    right = np.diag(matrix).astype(float)
    labelled, predicted = matrix.sum(1).astype(float), matrix.sum(0).astype(float)
    union = labelled + predicted - right
    occurs, has_labels = union > 0, labelled > 0
    iou = np.divide(right, union, where=occurs, out=np.zeros_like(right))
    dice = 2 * right[occurs] / (labelled + predicted)[occurs]
    accuracy = right[has_labels] / labelled[has_labels]
    total = max(labelled.sum(), 1.0)
    most_frequent = labelled.max() / total
    return {
        "mean_iou": float(iou[occurs].mean()) if occurs.any() else 0.0,
        "mean_dice": float(dice.mean()) if occurs.any() else 0.0,
        "pixel_accuracy": float(right.sum() / total),
        "mean_accuracy": float(accuracy.mean()) if has_labels.any() else 0.0,
        "iou": {name: float(iou[i]) if occurs[i] else None for i, name in enumerate(names)},
        "majority_baseline": {
            "pixel_accuracy": float(most_frequent),
            "mean_iou": float(most_frequent / max(has_labels.sum(), 1)),
        },
    }
