"""Classes of images against the labels."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from training.evaluation.predictor import Predictor, Samples
from zoo.errors import InputError


class LabelTally:
    """Counts right and wrong classes, image by image.

    Args:
        names: of the classes.
    """

    def __init__(self, names: Sequence[str]):
        self.names = list(names)
        self.matrix = np.zeros((len(names), len(names)), np.int64)
        self.in_top5 = 0

    def add(self, name: str, truth: int, prediction: dict[str, Any]) -> bool:
        """Counts an image; says whether it has a label at all.

        Raises:
            InputError: a true class or an answer that is none of the classes.
        """
        classes = len(self.names)
        scores, found = np.asarray(prediction["scores"], np.float64), int(prediction["label"])
        if truth >= classes:
            raise InputError(f"{name}: class {truth}, but classes go from 0 to {classes - 1}.")
        if not 0 <= found < classes or scores.shape != (classes,):
            raise InputError(
                f"{name}: the answer is class {found} of {scores.size}, but the data set has "
                f"{classes} classes; measure on data with the classes the model was trained on."
            )
        if truth < 0:
            return False
        self.matrix[truth, found] += 1
        # A tie counts against the answer, as in the graph.
        self.in_top5 += int(np.sum(scores >= scores[truth]) <= 5)
        return True

    def summary(self) -> dict[str, Any]:
        """`accuracy`, `top5_accuracy` (None up to five classes), `mean_accuracy` over the classes
        there are, `accuracy_by_class`, `confusion` and `majority_baseline`."""
        count = max(int(self.matrix.sum()), 1)
        right, truth = np.diag(self.matrix), self.matrix.sum(1)
        shares = {
            name: float(right[i] / truth[i]) if truth[i] else None
            for i, name in enumerate(self.names)
        }
        there = [share for share in shares.values() if share is not None]
        return {
            "accuracy": float(right.sum() / count),
            "top5_accuracy": self.in_top5 / count if len(self.names) > 5 else None,
            "mean_accuracy": float(np.mean(there)) if there else 0.0,
            "accuracy_by_class": shares,
            "confusion": self.matrix.tolist(),
            "majority_baseline": {"accuracy": float(truth.max(initial=0) / count)},
        }


def evaluate_classification(
    predict: Predictor,
    samples: Samples,
    class_names: Sequence[str],
    progress: Callable[[int], None] | None = None,
    joint_names: Sequence[str] = (),
) -> dict[str, Any]:
    """Accuracy and its parts.

    Args:
        answer: from an image (H, W, C) uint8 to answers with `label` () and `scores` (classes,).
        samples: name and sample of each image; those with label −1 are not counted.
        class_names: of `label`.
        progress: called with the number of images done.
        joint_names: as every evaluation takes them; not used here.

    Returns:
        As `LabelTally.summary` - `confusion` has a row a true class and a column an answer,
        `majority_baseline` is the accuracy of always answering with the commonest class - and
        `images`, the number with a label.

    Raises:
        InputError: no labelled image, or a class beyond the classes.
    """
    tally, images = LabelTally(class_names), 0
    for count, (name, sample) in enumerate(samples, 1):
        images += tally.add(name, int(sample["label"]), predict(sample["image"]))
        if progress:
            progress(count)
    return {**tally.summary(), "images": at_least_one(images)}


def at_least_one(images: int) -> int:
    """The number of images, or InputError where there is none."""
    if not images:
        raise InputError("there is no labelled image to measure on.")
    return images
