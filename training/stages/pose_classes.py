"""The classes of poses by multinomial logistic regression, solved before the joints are learned."""

from __future__ import annotations

import warnings
from collections.abc import Sequence

import keras
import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression

from training.data.augment.annotation_geometry import swapped_joints
from training.data.pipeline import BatchConfig, validation_batches
from training.data.sources import Source
from zoo import Model
from zoo.errors import InputError
from zoo.layers.pose_vector import SMALLEST_TORSO
from zoo.localization import set_regression

STRENGTH = 0.1
"""Inverse of the weight of the squared coefficients; scikit-learn's C."""

_NEVER = -30.0
"""Intercept of a class without a labelled pose."""


def solve_pose_classes(
    model: Model, source: Source, batches: BatchConfig, mirrored: bool = False
) -> str:
    """Sets the regression of a `pose_classifier` from the labelled poses of the training split.

    Joints without a label count as the mean over the poses that have it; a pose without a whole
    torso, by which it is measured, or without a class is left out. From then on the regression's
    weights are fixed, and training moves the joints alone.

    Args:
        model: the model, not yet compiled.
        source: with `keypoints`, `box` and `label`.
        batches: how its samples become the model's.
        mirrored: learn from every pose and its mirror image.

    Returns:
        One line on what came of it, the commonest class's share beside it.

    Raises:
        InputError: poses of fewer than two classes.
    """
    joints, labels = _labelled_poses(source, batches)
    torso = model.get_layer("pose_vector").torso
    vectors, whole = pose_vectors(joints, torso)
    kept = whole & (labels >= 0)
    seen = np.unique(labels[kept])
    if len(seen) < 2:
        raise InputError(
            f"{source.spec}: labelled poses of {len(seen)} classes; a pose classifier needs poses "
            "of at least two classes, with shoulders and hips."
        )
    vectors, classes = vectors[kept], labels[kept]
    if mirrored and source.joint_pairs:
        vectors = np.concatenate([vectors, mirror_images(vectors, source.joint_pairs)])
        classes = np.concatenate([classes, classes])
    right = _solve(model, vectors, classes)
    model.get_layer("pose_logits").trainable = False
    commonest = np.bincount(classes).max() / len(classes)
    left_out = len(kept) - kept.sum()
    return (
        f"pose classes: logistic regression on {kept.sum()} labelled poses"
        + (f" ({left_out} without a class or a whole torso left out)" if left_out else "")
        + f" is right on {100 * right:.1f} %; the commonest class is {100 * commonest:.1f} %"
    )


def pose_vectors(joints: np.ndarray, torso: Sequence[int] | None) -> tuple[np.ndarray, np.ndarray]:
    """As `zoo.layers.pose_vector`, of poses that may lack joints.

    Args:
        joints: (N, K, 3) x, y, visibility, 0 where there is no label.
        torso: right and left shoulder, right and left hip, or None.

    Returns:
        (N, 2K) float64, NaN where a joint is absent, and (N,) bool, whether what the pose is
        measured by is there: the torso, or two joints where there is no torso.
    """
    points = np.where(joints[..., 2:] > 0, joints[..., :2].astype(np.float64), np.nan)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # means over nothing are NaN, as wanted
        if torso is None:
            centre = np.nanmean(points, axis=1, keepdims=True)
            square = np.nanmean(((points - centre) ** 2).sum(-1), axis=1)
            whole = (joints[..., 2] > 0).sum(1) >= 2
        else:
            first, second, third, fourth = (points[:, n : n + 1] for n in torso)
            shoulders, hips = (first + second) / 2, (third + fourth) / 2
            centre = (shoulders + hips) / 2
            square = ((shoulders - hips) ** 2).sum((1, 2))
            whole = ~np.isnan(square)
    length = np.sqrt(np.maximum(square, SMALLEST_TORSO**2))
    return ((points - centre) / length[:, None, None]).reshape(len(points), -1), whole


def mirror_images(vectors: np.ndarray, joint_pairs: Sequence[tuple[int, int]]) -> np.ndarray:
    """Pose vectors (N, 2K) of the mirrored images: x negated, left and right joints swapped."""
    points = vectors.reshape(len(vectors), -1, 2)
    order = swapped_joints(joint_pairs, points.shape[1])
    return (points[:, order] * [-1.0, 1.0]).reshape(vectors.shape)


def _labelled_poses(source: Source, batches: BatchConfig) -> tuple[np.ndarray, np.ndarray]:
    targets = validation_batches(source, "train", batches).map(lambda images, truth: truth)
    rows = list(targets.as_numpy_iterator())
    joints = np.concatenate([row["keypoints"] for row in rows])
    return joints, np.concatenate([row["label"] for row in rows]).reshape(-1)


def _solve(model: Model, vectors: np.ndarray, labels: np.ndarray) -> float:
    """Puts the solution into the model; returns its accuracy on what it was solved on."""
    mean = np.nan_to_num(np.nanmean(np.where(np.isnan(vectors).all(0), 0.0, vectors), axis=0))
    deviation = np.nanstd(np.where(np.isnan(vectors).all(0), 0.0, vectors), axis=0)
    deviation = np.where(deviation > 1e-6, deviation, 1.0)
    standard = np.nan_to_num((vectors - mean) / deviation)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        solved = LogisticRegression(C=STRENGTH, max_iter=1000).fit(standard, labels)
    weights, intercepts = solved.coef_, solved.intercept_
    if len(solved.classes_) == 2:  # one row for two classes: half for the one, half against
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
