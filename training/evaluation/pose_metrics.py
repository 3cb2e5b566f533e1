"""Metrics of the keypoints of one person: PCK, PCKh, PDJ, PCP and OKS."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from training.data.body_joints import head_of, torso_of
from training.data.sources.keypoints.keypoint_names import skeleton_of
from training.evaluation.classification_metrics import LabelAccumulator, require_images
from training.evaluation.oks import keypoint_sigmas
from training.evaluation.predictor import Predictor, Samples
from zoo.errors import InputError


class PoseAccumulator:
    """Gathers true and predicted keypoints, image by image.

    Args:
        keypoint_names: names of the K keypoints; without them, or without head, shoulders or hips,
            the metrics that need these are None.
    """

    def __init__(self, keypoint_names: Sequence[str]):
        self.names = list(keypoint_names)
        self.truth: list[np.ndarray] = []
        self.predicted: list[np.ndarray] = []
        self.sides: list[np.ndarray] = []
        self.images: list[tuple[int, int]] = []

    def add(self, name: str, sample: dict[str, np.ndarray], predicted: np.ndarray) -> bool:
        """Adds an image; returns whether it has a labelled keypoint and a person's box.

        Raises:
            InputError: if the number of predicted keypoints differs.
        """
        truth, predicted = (np.asarray(x, np.float64) for x in (sample["keypoints"], predicted))
        if truth.shape != predicted.shape:
            raise InputError(
                f"{name}: {len(truth)} labelled keypoints, but {len(predicted)} predicted ones; "
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
        points, labelled = truth[..., :2], truth[..., 2] > 0
        error = np.linalg.norm(predicted - points, axis=-1)
        longer = sides.max(axis=1)[:, None]
        names = self.names or [str(number) for number in range(truth.shape[1])]
        near = error <= 0.2 * longer
        return {
            "pck": _fraction(near, labelled),
            "pck_10": _fraction(error <= 0.1 * longer, labelled),
            "pck_05": _fraction(error <= 0.05 * longer, labelled),
            "pckh": self._of_length(error, points, labelled, self._heads(), 0.5),
            "pdj": self._of_length(error, points, labelled, self._torsos(), 0.2),
            **self._limbs(error, points, labelled),
            "oks": _oks(error, labelled, sides, keypoint_sigmas(self.names, len(names))),
            "pck_by_keypoint": {
                name: _fraction(near[:, i], labelled[:, i]) for i, name in enumerate(names)
            },
            "mean_pose_baseline": {"pck": self._mean_pose(points, labelled, longer)},
        }

    def _heads(self) -> list[tuple[int, int]]:
        head = head_of(self.names)
        return [head] if head else []

    def _torsos(self) -> list[tuple[int, int]]:
        """Returns left shoulder to right hip, and the other diagonal."""
        torso = torso_of(self.names)
        return [(torso[1], torso[2]), (torso[0], torso[3])] if torso else []

    @staticmethod
    def _of_length(error, points, labelled, segments, fraction: float) -> float | None:
        """Returns the fraction of keypoints with an error below a fraction of a segment's length.

        The segment is the first one with labelled ends.
        """
        length = np.full(len(error), np.nan)
        for start, end in segments:
            usable = np.isnan(length) & labelled[:, start] & labelled[:, end]
            distance = np.linalg.norm(points[:, start] - points[:, end], axis=-1)
            length = np.where(usable, distance, length)
        defined = ~np.isnan(length)
        if not defined.any():
            return None
        return _fraction(error[defined] <= fraction * length[defined, None], labelled[defined])

    def _limbs(self, error, points, labelled) -> dict[str, Any]:
        """Returns the PCP: limbs with both ends within half of the limb's length."""
        right, counted, by_limb = [], [], {}
        for start, end in skeleton_of(self.names):
            length = np.linalg.norm(points[:, start] - points[:, end], axis=-1)
            right.append((error[:, start] <= length / 2) & (error[:, end] <= length / 2))
            counted.append(labelled[:, start] & labelled[:, end])
            by_limb[f"{self.names[start]} - {self.names[end]}"] = _fraction(right[-1], counted[-1])
        pcp = _fraction(np.stack(right), np.stack(counted)) if right else None
        return {"pcp": pcp, "pcp_by_limb": by_limb}

    def _mean_pose(self, points, labelled, longer) -> float | None:
        size = np.array(self.images, np.float64)[:, None]
        weight = labelled[..., None]
        mean = (points / size * weight).sum(0) / np.maximum(weight.sum(0), 1)
        error = np.linalg.norm(mean * size - points, axis=-1)
        return _fraction(error <= 0.2 * longer, labelled)


def evaluate_pose(
    predict: Predictor,
    samples: Samples,
    class_names: Sequence[str],
    progress: Callable[[int], None] | None = None,
    keypoint_names: Sequence[str] = (),
) -> dict[str, Any]:
    """Returns the PCK and related metrics; keypoints without a label do not count.

    Args:
        predict: function from an image (H, W, C) uint8 to `keypoints` (K, 3).
        samples: name and sample of each image, with `keypoints` (K, 3) and the person's `box`.
        class_names: names of the keypoints, where `keypoint_names` is empty.
        progress: function that takes the number of images done.
        keypoint_names: names of the keypoints.

    Returns:
        `pck`, `pck_10`, `pck_05`: fraction of the keypoints within 0.2, 0.1, 0.05 of the longer
        side of the person's box; `pckh`: within half the distance from neck to top of the head;
        `pdj`: within 0.2 of the distance from a shoulder to the opposite hip; `pcp`: fraction of
        the limbs with both ends within half the limb's length, and `pcp_by_limb`; `oks`: mean
        object keypoint similarity, with the area of the person's box; `pck_by_keypoint`;
        `mean_pose_baseline`: the PCK of always predicting the mean of these labels, relative to
        the image; `images`. Undefined metrics are None.

    Raises:
        InputError: if no image has a label, or the number of keypoints differs.
    """
    poses, images = PoseAccumulator(keypoint_names or class_names), 0
    for count, (name, sample) in enumerate(samples, 1):
        images += poses.add(name, sample, predict(sample["image"])["keypoints"])
        if progress:
            progress(count)
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
    only; if no image has labelled keypoints, their metrics are left out.
    """
    labels, poses = LabelAccumulator(class_names), PoseAccumulator(keypoint_names)
    images = posed = 0
    for count, (name, sample) in enumerate(samples, 1):
        prediction = predict(sample["image"])
        images += labels.add(name, int(sample["label"]), prediction)
        posed += poses.add(name, sample, prediction["keypoints"])
        if progress:
            progress(count)
    of_poses = poses.result() if posed else {}
    return {**labels.result(), **of_poses, "images": require_images(images)}


def _fraction(right: np.ndarray, counted: np.ndarray) -> float | None:
    return float(right[counted].mean()) if counted.any() else None


def _oks(error, labelled, sides, sigmas) -> float:
    """Returns the mean over images of exp(−d² / (2·area·(2σ)²)) over the labelled keypoints."""
    area = sides.prod(axis=1)[:, None]
    similarity = np.exp(-(error**2) / (2 * area * (2 * sigmas) ** 2))
    return float(((similarity * labelled).sum(1) / labelled.sum(1)).mean())
