"""Metrics of image classification."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from training.evaluation.predictor import Predictor, Samples, counted
from zoo.errors import InputError


class LabelAccumulator:
    """Counts right and wrong classes, image by image."""

    def __init__(self, names: Sequence[str]):
        self.names = list(names)
        self.matrix = np.zeros((len(names), len(names)), np.int64)
        self.in_top5 = 0

    def add(self, name: str, label: int, prediction: dict[str, Any]) -> bool:
        """Adds an image of class `label`, −1 for none; returns whether it has a label."""
        classes = len(self.names)
        scores, predicted = np.asarray(prediction["scores"], np.float64), int(prediction["label"])
        if label >= classes:
            raise InputError(
                f"{name}: label must be a class from 0 to {classes - 1}, not {label}; correct it."
            )
        if not 0 <= predicted < classes or scores.shape != (classes,):
            raise InputError(
                f"{name}: the predicted class is {predicted} of {scores.size}, but the data set "
                f"has {classes} classes; evaluate on data with the classes of the model."
            )
        if label < 0:
            return False
        self.matrix[label, predicted] += 1
        # A tie counts as wrong, as in the metric of the graph.
        self.in_top5 += int(np.sum(scores >= scores[label]) <= 5)
        return True

    def result(self) -> dict[str, Any]:
        """Returns the metrics of `evaluate_classification`, without `images`."""
        count = max(int(self.matrix.sum()), 1)
        right, labeled = np.diag(self.matrix), self.matrix.sum(1)
        by_class = {
            name: float(right[i] / labeled[i]) if labeled[i] else None
            for i, name in enumerate(self.names)
        }
        defined = [accuracy for accuracy in by_class.values() if accuracy is not None]
        return {
            "accuracy": float(right.sum() / count),
            "top5_accuracy": self.in_top5 / count if len(self.names) > 5 else None,
            "mean_accuracy": float(np.mean(defined)) if defined else 0.0,
            "accuracy_by_class": by_class,
            "confusion": self.matrix.tolist(),
            "majority_baseline": {"accuracy": float(labeled.max(initial=0) / count)},
        }


def evaluate_classification(
    predict: Predictor,
    samples: Samples,
    class_names: Sequence[str],
    progress: Callable[[int], None] | None = None,
    keypoint_names: Sequence[str] = (),
) -> dict[str, Any]:
    """Returns the accuracy and related metrics.

    Predictions have `label` () and `scores` (classes,). Images with label −1 do not count.

    Returns:
        `accuracy`, `top5_accuracy` (None for up to five classes), `mean_accuracy` over the classes
        that occur, `accuracy_by_class`, `confusion` with one row per true class and one column per
        predicted class, `majority_baseline`, the accuracy of always predicting the most frequent
        class, and `images`, the number of labeled images.
    """
    labels, images = LabelAccumulator(class_names), 0
    for name, sample in counted(samples, progress, required=False):
        images += labels.add(name, int(sample["label"]), predict(sample["image"]))
    return {**labels.result(), "images": require_images(images)}


def require_images(images: int) -> int:
    """Returns the number of labeled images; raises InputError if it is 0."""
    if not images:
        raise InputError("no labeled image to evaluate on; use a split with labels.")
    return images
