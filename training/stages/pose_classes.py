"""Pose classes by multinomial logistic regression, solved before the keypoints are trained."""

from __future__ import annotations

import warnings
from collections.abc import Sequence

import keras
import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression

from training.data.augment.annotation_geometry import flipped_keypoint_order
from training.data.pipeline import BatchConfig, validation_batches
from training.data.sources import Source
from training.recipe import Recipe
from training.stages.stage import Stage
from zoo import Model
from zoo.errors import InputError
from zoo.layers.pose_vector import SMALLEST_TORSO
from zoo.localization import set_regression

STRENGTH = 0.1
"""Inverse weight of the squared coefficients; scikit-learn's C."""

_NEVER = -30.0
"""Intercept of a class without a labeled pose."""


class PoseClasses(Stage):
    """Solves the regression of a `pose_classifier` before its keypoints are trained."""

    def prepare(
        self, model: Model, source: Source, batches: BatchConfig, recipe: Recipe
    ) -> list[str]:
        mirrored = batches.augmentation.flip_horizontal > 0
        return [solve_pose_classes(model, source, batches, mirrored)]


def solve_pose_classes(
    model: Model, source: Source, batches: BatchConfig, mirrored: bool = False
) -> str:
    """Sets the logistic regression of a `pose_classifier` from the poses of the training split.

    A keypoint without a label has the mean of that keypoint over the labeled poses. A pose without
    a class or without a complete torso, which scales it, is left out. With `mirrored`, the mirror
    image of every pose is used, too. The weights of the regression are fixed from then on.

    Returns a line on the accuracy of the regression and the fraction of the most frequent class.
    """
    keypoints, labels = _labeled_poses(source, batches)
    torso = model.get_layer("pose_vector").torso
    vectors, complete = pose_vectors(keypoints, torso)
    valid = complete & (labels >= 0)
    present = np.unique(labels[valid])
    if len(present) < 2:
        raise InputError(
            f"{source.spec}: labeled poses of {len(present)} classes; a pose classifier needs "
            "poses of at least two classes, with shoulders and hips."
        )
    vectors, classes = vectors[valid], labels[valid]
    if mirrored and source.flip_pairs:
        vectors = np.concatenate([vectors, mirror_images(vectors, source.flip_pairs)])
        classes = np.concatenate([classes, classes])
    accuracy = _solve(model, vectors, classes)
    model.get_layer("pose_logits").trainable = False
    most_frequent = np.bincount(classes).max() / len(classes)
    left_out = len(valid) - valid.sum()
    return (
        f"pose classes: logistic regression on {valid.sum()} labeled poses"
        + (f" ({left_out} without a class or a complete torso left out)" if left_out else "")
        + f" has an accuracy of {100 * accuracy:.1f} %; the most frequent class is "
        f"{100 * most_frequent:.1f} %."
    )


def pose_vectors(
    keypoints: np.ndarray, torso: Sequence[int] | None
) -> tuple[np.ndarray, np.ndarray]:
    """Returns the vectors of `zoo.layers.pose_vector` for poses (N, K, 3) that may lack keypoints.

    `torso` has the indices of right and left shoulder, right and left hip. The vectors are (N, 2K)
    float64, NaN for missing keypoints; the second result (N,) is whether the pose can be scaled: it
    has the whole torso, or two keypoints without `torso`.
    """
    points = np.where(keypoints[..., 2:] > 0, keypoints[..., :2].astype(np.float64), np.nan)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # the mean of no values is NaN
        if torso is None:
            center = np.nanmean(points, axis=1, keepdims=True)
            square = np.nanmean(((points - center) ** 2).sum(-1), axis=1)
            whole = (keypoints[..., 2] > 0).sum(1) >= 2
        else:
            first, second, third, fourth = (points[:, n : n + 1] for n in torso)
            shoulders, hips = (first + second) / 2, (third + fourth) / 2
            center = (shoulders + hips) / 2
            square = ((shoulders - hips) ** 2).sum((1, 2))
            whole = ~np.isnan(square)
    length = np.sqrt(np.maximum(square, SMALLEST_TORSO**2))
    return ((points - center) / length[:, None, None]).reshape(len(points), -1), whole


def mirror_images(vectors: np.ndarray, flip_pairs: Sequence[tuple[int, int]]) -> np.ndarray:
    """Returns the pose vectors (N, 2K) of mirrored images: −x, left and right keypoints swapped."""
    points = vectors.reshape(len(vectors), -1, 2)
    order = flipped_keypoint_order(flip_pairs, points.shape[1])
    return (points[:, order] * [-1.0, 1.0]).reshape(vectors.shape)


def _labeled_poses(source: Source, batches: BatchConfig) -> tuple[np.ndarray, np.ndarray]:
    targets = validation_batches(source, "train", batches).map(lambda images, truth: truth)
    rows = list(targets.as_numpy_iterator())
    keypoints = np.concatenate([row["keypoints"] for row in rows])
    return keypoints, np.concatenate([row["label"] for row in rows]).reshape(-1)


def _solve(model: Model, vectors: np.ndarray, labels: np.ndarray) -> float:
    """Sets the solution in the model; returns its accuracy on the same poses."""
    mean = np.nan_to_num(np.nanmean(np.where(np.isnan(vectors).all(0), 0.0, vectors), axis=0))
    deviation = np.nanstd(np.where(np.isnan(vectors).all(0), 0.0, vectors), axis=0)
    deviation = np.where(deviation > 1e-6, deviation, 1.0)
    standard = np.nan_to_num((vectors - mean) / deviation)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        solved = LogisticRegression(C=STRENGTH, max_iter=1000).fit(standard, labels)
    weights, intercepts = solved.coef_, solved.intercept_
    if len(solved.classes_) == 2:  # one row stands for the difference of two classes
        weights, intercepts = np.stack([-weights[0], weights[0]]) / 2, intercepts[0] / 2
        intercepts = np.array([-intercepts, intercepts])
    classes = model.output["label"].shape[-1]
    whole = np.zeros((classes, weights.shape[1])), np.full(classes, _NEVER)
    whole[0][solved.classes_], whole[1][solved.classes_] = weights, intercepts
    set_regression(model, *whole, mean, deviation)
    layer = model.get_layer("pose_logits")
    kernel, bias = (keras.ops.convert_to_numpy(v) for v in (layer.kernel, layer.bias))
    logits = np.where(np.isnan(vectors), mean, vectors) @ kernel + bias
    return float((logits.argmax(1) == labels).mean())
