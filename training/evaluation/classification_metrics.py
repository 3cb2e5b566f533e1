"""Metrics of image classification."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from training.evaluation.predictor import Predictor, Samples
from zoo.errors import InputError


class LabelAccumulator:
    """Counts right and wrong classes, image by image.

    Args:
        names: class names.
    """

    def __init__(self, names: Sequence[str]):
        self.names = list(names)
        self.matrix = np.zeros((len(names), len(names)), np.int64)
        self.in_top5 = 0

    def add(self, name: str, label: int, prediction: dict[str, Any]) -> bool:
        """Adds an image.

        Args:
            name: name of the image.
            label: true class; −1 without a label.
            prediction: `label` and `scores`.

        Returns:
            Whether the image has a label.

        Raises:
            InputError: if the label or the predicted class is not among the classes.
        """
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
        """Returns `accuracy`, `top5_accuracy` (None for up to five classes), `mean_accuracy` over
        the classes that occur, `accuracy_by_class`, `confusion` and `majority_baseline`."""
        count = max(int(self.matrix.sum()), 1)
        right, labelled = np.diag(self.matrix), self.matrix.sum(1)
        by_class = {
            name: float(right[i] / labelled[i]) if labelled[i] else None
            for i, name in enumerate(self.names)
        }
        defined = [accuracy for accuracy in by_class.values() if accuracy is not None]
        return {
            "accuracy": float(right.sum() / count),
            "top5_accuracy": self.in_top5 / count if len(self.names) > 5 else None,
            "mean_accuracy": float(np.mean(defined)) if defined else 0.0,
            "accuracy_by_class": by_class,
            "confusion": self.matrix.tolist(),
            "majority_baseline": {"accuracy": float(labelled.max(initial=0) / count)},
        }


def evaluate_classification(
    predict: Predictor,
    samples: Samples,
    class_names: Sequence[str],
    progress: Callable[[int], None] | None = None,
    keypoint_names: Sequence[str] = (),
) -> dict[str, Any]:
    """Returns the accuracy and related metrics.

    Args:
        predict: function from an image (H, W, C) uint8 to `label` () and `scores` (classes,).
        samples: name and sample of each image; images with label −1 do not count.
        class_names: names of the classes of `label`.
        progress: function that takes the number of images done.
        keypoint_names: unused.

    Returns:
        The metrics of `LabelAccumulator.result`, where `confusion` has one row per true class and
        one column per predicted class, and `majority_baseline` is the accuracy of always predicting
        the most frequent class; and `images`, the number of labelled images.

    Raises:
        InputError: if no image has a label, or a class is not among the classes.
    """
    labels, images = LabelAccumulator(class_names), 0
    for count, (name, sample) in enumerate(samples, 1):
        images += labels.add(name, int(sample["label"]), predict(sample["image"]))
        if progress:
            progress(count)
    return {**labels.result(), "images": require_images(images)}


def require_images(images: int) -> int:
    """Returns the number of labelled images; raises InputError if it is 0."""
    if not images:
        raise InputError("no labelled image to evaluate on; use a split with labels.")
    return images
