"""Metrics of semantic segmentation."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from training.evaluation.predictor import Predictor, Samples, counted
from zoo.errors import InputError
from zoo.tasks.sample_schema import IGNORE


def evaluate_segmentation(
    predict: Predictor,
    samples: Samples,
    class_names: Sequence[str],
    progress: Callable[[int], None] | None = None,
    keypoint_names: Sequence[str] = (),
) -> dict[str, Any]:
    """Returns the mean IoU and related metrics of predictions with `segmentation` (H, W).

    Returns:
        `mean_iou`, `mean_dice`, `pixel_accuracy` and `mean_accuracy` as fractions; `iou` by class
        name (None for a class that occurs in neither labels nor predictions; the means leave it
        out); `images`; and `majority_baseline`, the pixel accuracy and mean IoU of always
        predicting the most frequent class. All are None if every pixel is ignored.
    """
    classes = len(class_names)
    matrix = np.zeros((classes, classes), np.int64)
    count = 0
    for name, sample in counted(samples, progress):
        count += 1
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
    return {**_metrics(matrix, list(class_names)), "images": count}


def _metrics(matrix: np.ndarray, names: list[str]) -> dict[str, Any]:
    """Returns the metrics of a confusion matrix with one row per true class."""
    right = np.diag(matrix).astype(float)
    labeled, predicted = matrix.sum(1).astype(float), matrix.sum(0).astype(float)
    union = labeled + predicted - right
    occurs, has_labels = union > 0, labeled > 0
    iou = np.divide(right, union, where=occurs, out=np.zeros_like(right))
    dice = 2 * right[occurs] / (labeled + predicted)[occurs]
    accuracy = right[has_labels] / labeled[has_labels]
    if not has_labels.any():
        undefined = dict.fromkeys(("mean_iou", "mean_dice", "pixel_accuracy", "mean_accuracy"))
        baseline = {"pixel_accuracy": None, "mean_iou": None}
        return {**undefined, "iou": dict.fromkeys(names), "majority_baseline": baseline}
    most_frequent = labeled.max() / labeled.sum()
    return {
        "mean_iou": float(iou[occurs].mean()),
        "mean_dice": float(dice.mean()),
        "pixel_accuracy": float(right.sum() / labeled.sum()),
        "mean_accuracy": float(accuracy.mean()),
        "iou": {name: float(iou[i]) if occurs[i] else None for i, name in enumerate(names)},
        "majority_baseline": {
            "pixel_accuracy": float(most_frequent),
            "mean_iou": float(most_frequent / has_labels.sum()),
        },
    }
