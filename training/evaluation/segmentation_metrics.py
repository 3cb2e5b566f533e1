"""Class maps against the labels: mean IoU and its parts."""

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
    joint_names: Sequence[str] = (),
) -> dict[str, Any]:
    """Mean IoU and its parts.

    Args:
        answer: from an image (H, W, C) uint8 to answers with `segmentation` (H, W).
        samples: name and sample of each image, as `Source.samples` gives.
        class_names: of the class map.
        progress: called with the number of images done.
        joint_names: as every evaluation takes them; not used here.

    Returns:
        `mean_iou`, `mean_dice`, `pixel_accuracy`, `mean_accuracy` as fractions, `iou` by class name
        (None for a class that occurs in neither truth nor prediction; such classes are left out of
        the means), `images` and `majority_baseline`: the pixel accuracy and mean IoU of always
        answering with the commonest class.

    Raises:
        InputError: no images, or a label beyond the classes.
    """
    classes = len(class_names)
    matrix = np.zeros((classes, classes), np.int64)
    count = 0
    for count, (name, sample) in enumerate(samples, 1):
        truth = sample["segmentation"]
        found = predict(sample["image"])["segmentation"]
        if found.shape != truth.shape:
            raise ValueError(f"{name}: answer of {found.shape} for labels of {truth.shape}.")
        valid = truth != IGNORE
        if valid.any() and truth[valid].max() >= classes:
            raise InputError(
                f"{name}: class {truth[valid].max()}, but classes go from 0 to {classes - 1}."
            )
        if found.min(initial=0) < 0 or found.max(initial=0) >= classes:
            raise InputError(
                f"{name}: the answer has class {found.max()}, but the data set only {classes} "
                "classes; measure on data with the classes that the model was trained on."
            )
        cells = classes * truth[valid].astype(np.int64) + found[valid]
        matrix += np.bincount(cells, minlength=classes**2).reshape(classes, classes)
        if progress:
            progress(count)
    if not count:
        raise InputError("there is no image to measure on.")
    return {**_summary(matrix, list(class_names)), "images": count}


def _summary(matrix: np.ndarray, names: list[str]) -> dict[str, Any]:
    right = np.diag(matrix).astype(float)
    truth, predicted = matrix.sum(1).astype(float), matrix.sum(0).astype(float)
    union = truth + predicted - right
    seen, true = union > 0, truth > 0
    iou = np.divide(right, union, where=seen, out=np.zeros_like(right))
    total = max(truth.sum(), 1.0)
    commonest = truth.max() / total
    return {
        "mean_iou": float(iou[seen].mean()) if seen.any() else 0.0,
        "mean_dice": float((2 * right[seen] / (truth + predicted)[seen]).mean())
        if seen.any()
        else 0.0,
        "pixel_accuracy": float(right.sum() / total),
        "mean_accuracy": float((right[true] / truth[true]).mean()) if true.any() else 0.0,
        "iou": {name: float(iou[i]) if seen[i] else None for i, name in enumerate(names)},
        "majority_baseline": {
            "pixel_accuracy": float(commonest),
            "mean_iou": float(commonest / max(true.sum(), 1)),
        },
    }
