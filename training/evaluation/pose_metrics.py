"""Metrics of the keypoints of one person: PCK, PCKh, PDJ, PCP and OKS."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from training.data.body_joints import head_of, torso_of
from training.data.sources.keypoints.keypoint_names import skeleton_of
from training.evaluation.classification_metrics import LabelAccumulator, require_images
from training.evaluation.oks import keypoint_sigmas
from training.evaluation.predictor import Predictor, Samples, counted
from zoo.errors import InputError


class PoseAccumulator:
    """Gathers true and predicted keypoints, image by image.

    Without names, or without head, shoulders or hips, the metrics that need these are None.
    """

    def __init__(self, keypoint_names: Sequence[str]):
        self.names = list(keypoint_names)
        self.truth: list[np.ndarray] = []
        self.predicted: list[np.ndarray] = []
        self.sides: list[np.ndarray] = []
        self.images: list[tuple[int, int]] = []

    def add(self, name: str, sample: dict[str, np.ndarray], predicted: np.ndarray) -> bool:
        """Adds an image; returns whether it has a labeled keypoint and a person's box."""
        truth, predicted = (np.asarray(x, np.float64) for x in (sample["keypoints"], predicted))
        if truth.shape != predicted.shape:
            raise InputError(
                f"{name}: {len(truth)} labeled keypoints, but {len(predicted)} predicted ones; "
                "evaluate on data with the keypoints of the model."
            )
        box = np.asarray(sample["box"], np.float64)
        side = box[2:] - box[:2]
        if not (truth[:, 2] > 0).any() or side.min() <= 0:
            return False
        self.truth.append(truth)
        self.predicted.append(predicted[:, :2])
        self.sides.append(side)
        self.images.append(sample["image"].shape[1::-1])
        return True

    def result(self) -> dict[str, Any]:
        """Returns the metrics of `evaluate_pose`, without `images`."""
        truth, predicted = np.stack(self.truth), np.stack(self.predicted)
        sides = np.stack(self.sides)
        points, labeled = truth[..., :2], truth[..., 2] > 0
        error = np.linalg.norm(predicted - points, axis=-1)
        longer = sides.max(axis=1)[:, None]
        names = self.names or [str(number) for number in range(truth.shape[1])]
        near = error <= 0.2 * longer
        head = head_of(self.names)
        heads = [head] if head else []
        return {
            "pck": _fraction(near, labeled),
            "pck_10": _fraction(error <= 0.1 * longer, labeled),
            "pck_05": _fraction(error <= 0.05 * longer, labeled),
            "pckh": self._of_length(error, points, labeled, heads, 0.5),
            "pdj": self._of_length(error, points, labeled, self._torsos(), 0.2),
            **self._limbs(error, points, labeled),
            "oks": _oks(error, labeled, sides, keypoint_sigmas(self.names, len(names))),
            "pck_by_keypoint": {
                name: _fraction(near[:, i], labeled[:, i]) for i, name in enumerate(names)
            },
            "mean_pose_baseline": {"pck": self._mean_pose(points, labeled, longer)},
        }

    def _torsos(self) -> list[tuple[int, int]]:
        """Returns left shoulder to right hip, and the other diagonal."""
        torso = torso_of(self.names)
        return [(torso[1], torso[2]), (torso[0], torso[3])] if torso else []

    @staticmethod
    def _of_length(error, points, labeled, segments, fraction: float) -> float | None:
        """Returns the fraction of keypoints with an error below a fraction of a segment's length.

        The segment is the first one with labeled ends.
        """
        length = np.full(len(error), np.nan)
        for start, end in segments:
            usable = np.isnan(length) & labeled[:, start] & labeled[:, end]
            distance = np.linalg.norm(points[:, start] - points[:, end], axis=-1)
            length = np.where(usable, distance, length)
        defined = ~np.isnan(length)
        if not defined.any():
            return None
        return _fraction(error[defined] <= fraction * length[defined, None], labeled[defined])

    def _limbs(self, error, points, labeled) -> dict[str, Any]:
        """Returns the PCP: limbs with both ends within half of the limb's length."""
        right, counted, by_limb = [], [], {}
        for start, end in skeleton_of(self.names):
            length = np.linalg.norm(points[:, start] - points[:, end], axis=-1)
            right.append((error[:, start] <= length / 2) & (error[:, end] <= length / 2))
            counted.append(labeled[:, start] & labeled[:, end])
            by_limb[f"{self.names[start]} - {self.names[end]}"] = _fraction(right[-1], counted[-1])
        pcp = _fraction(np.stack(right), np.stack(counted)) if right else None
        return {"pcp": pcp, "pcp_by_limb": by_limb}

    def _mean_pose(self, points, labeled, longer) -> float | None:
        size = np.array(self.images, np.float64)[:, None]
        weight = labeled[..., None]
        mean = (points / size * weight).sum(0) / np.maximum(weight.sum(0), 1)
        error = np.linalg.norm(mean * size - points, axis=-1)
        return _fraction(error <= 0.2 * longer, labeled)


def evaluate_pose(
    predict: Predictor,
    samples: Samples,
    class_names: Sequence[str],
    progress: Callable[[int], None] | None = None,
    keypoint_names: Sequence[str] = (),
) -> dict[str, Any]:
    """Returns the PCK and related metrics; keypoints without a label do not count.

    Predictions have `keypoints` (K, 3); samples have `keypoints` (K, 3) and the person's `box`. The
    keypoints are named by `class_names` where `keypoint_names` is empty.

    Returns:
        `pck`, `pck_10`, `pck_05`: fraction of the keypoints within 0.2, 0.1, 0.05 of the longer
        side of the person's box; `pckh`: within half the distance from neck to top of the head;
        `pdj`: within 0.2 of the distance from a shoulder to the opposite hip; `pcp`: fraction of
        the limbs with both ends within half the limb's length, and `pcp_by_limb`; `oks`: mean
        object keypoint similarity, with the area of the person's box; `pck_by_keypoint`;
        `mean_pose_baseline`: the PCK of always predicting the mean of these labels, relative to
        the image; `images`. Undefined metrics are None.
    """
    poses, images = PoseAccumulator(keypoint_names or class_names), 0
    for name, sample in counted(samples, progress, required=False):
        images += poses.add(name, sample, predict(sample["image"])["keypoints"])
    return {"images": require_images(images), **poses.result()}


def evaluate_pose_classification(
    predict: Predictor,
    samples: Samples,
    class_names: Sequence[str],
    progress: Callable[[int], None] | None = None,
    keypoint_names: Sequence[str] = (),
) -> dict[str, Any]:
    """Returns the metrics of `evaluate_classification` and `evaluate_pose`.

    An image without a class counts for the keypoints only, one without keypoints for the class
    only; if no image has labeled keypoints, their metrics are left out.
    """
    labels, poses = LabelAccumulator(class_names), PoseAccumulator(keypoint_names)
    images = posed = 0
    for name, sample in counted(samples, progress, required=False):
        prediction = predict(sample["image"])
        images += labels.add(name, int(sample["label"]), prediction)
        posed += poses.add(name, sample, prediction["keypoints"])
    of_poses = poses.result() if posed else {}
    return {**labels.result(), **of_poses, "images": require_images(images)}


def _fraction(right: np.ndarray, counted: np.ndarray) -> float | None:
    return float(right[counted].mean()) if counted.any() else None


def _oks(error, labeled, sides, sigmas) -> float:
    """Returns the mean over images of exp(−d² / (2·area·(2σ)²)) over the labeled keypoints."""
    area = sides.prod(axis=1)[:, None]
    similarity = np.exp(-(error**2) / (2 * area * (2 * sigmas) ** 2))
    return float(((similarity * labeled).sum(1) / labeled.sum(1)).mean())
