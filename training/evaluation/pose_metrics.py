"""Joints of the one person against the labels: PCK, PCKh, PDJ, PCP and OKS."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from training.data.body_joints import head_of, torso_of
from training.data.sources.keypoints.joint_names import skeleton_of
from training.evaluation.classification_metrics import LabelTally, at_least_one
from training.evaluation.oks import joint_sigmas
from training.evaluation.predictor import Predictor, Samples
from zoo.errors import InputError


class PoseTally:
    """Gathers joints, true and found, and measures them together.

    Args:
        joint_names: of the K joints; without them, or where none is a head's, shoulder's or hip's,
            what needs to know is None.
    """

    def __init__(self, joint_names: Sequence[str]):
        self.names = list(joint_names)
        self.truth: list[np.ndarray] = []
        self.found: list[np.ndarray] = []
        self.sides: list[np.ndarray] = []
        self.images: list[tuple[int, int]] = []

    def add(self, name: str, sample: dict[str, np.ndarray], found: np.ndarray) -> bool:
        """Takes in an image; says whether it has a labelled joint and a person's box.

        Raises:
            InputError: an answer with another number of joints.
        """
        truth, found = (np.asarray(x, np.float64) for x in (sample["keypoints"], found))
        if truth.shape != found.shape:
            raise InputError(
                f"{name}: {len(truth)} joints, but the answer has {len(found)}; measure on data "
                "with the joints that the model was trained on."
            )
        box = np.asarray(sample["box"], np.float64)
        side = box[2:] - box[:2]
        if not (truth[:, 2] > 0).any() or side.min() <= 0:
            return False
        self.truth.append(truth)
        self.found.append(found[:, :2])
        self.sides.append(side)
        self.images.append(sample["image"].shape[1::-1])
        return True

    def summary(self) -> dict[str, Any]:
        """What `evaluate_pose` gives, but for `images`."""
        truth, found, sides = np.stack(self.truth), np.stack(self.found), np.stack(self.sides)
        points, labelled = truth[..., :2], truth[..., 2] > 0
        error = np.linalg.norm(found - points, axis=-1)
        longer = sides.max(axis=1)[:, None]
        names = self.names or [str(number) for number in range(truth.shape[1])]
        near = error <= 0.2 * longer
        return {
            "pck": _share(near, labelled),
            "pck_10": _share(error <= 0.1 * longer, labelled),
            "pck_05": _share(error <= 0.05 * longer, labelled),
            "pckh": self._of_length(error, points, labelled, self._heads(), 0.5),
            "pdj": self._of_length(error, points, labelled, self._torsos(), 0.2),
            **self._limbs(error, points, labelled),
            "oks": _oks(error, labelled, sides, joint_sigmas(self.names, len(names))),
            "pck_by_joint": {
                name: _share(near[:, i], labelled[:, i]) for i, name in enumerate(names)
            },
            "mean_pose_baseline": {"pck": self._mean_pose(points, labelled, longer)},
        }

    def _heads(self) -> list[tuple[int, int]]:
        head = head_of(self.names)
        return [head] if head else []

    def _torsos(self) -> list[tuple[int, int]]:
        """Left shoulder to right hip, else the other diagonal."""
        torso = torso_of(self.names)
        return [(torso[1], torso[2]), (torso[0], torso[3])] if torso else []

    @staticmethod
    def _of_length(error, points, labelled, segments, share: float) -> float | None:
        """Share of the joints within a share of the first segment whose ends are labelled."""
        length = np.full(len(error), np.nan)
        for start, end in segments:
            there = np.isnan(length) & labelled[:, start] & labelled[:, end]
            between = np.linalg.norm(points[:, start] - points[:, end], axis=-1)
            length = np.where(there, between, length)
        known = ~np.isnan(length)
        if not known.any():
            return None
        return _share(error[known] <= share * length[known, None], labelled[known])

    def _limbs(self, error, points, labelled) -> dict[str, Any]:
        """PCP: both ends of a limb within half of its true length."""
        right, there, by_limb = [], [], {}
        for start, end in skeleton_of(self.names):
            length = np.linalg.norm(points[:, start] - points[:, end], axis=-1)
            right.append((error[:, start] <= length / 2) & (error[:, end] <= length / 2))
            there.append(labelled[:, start] & labelled[:, end])
            by_limb[f"{self.names[start]} - {self.names[end]}"] = _share(right[-1], there[-1])
        whole = _share(np.stack(right), np.stack(there)) if right else None
        return {"pcp": whole, "pcp_by_limb": by_limb}

    def _mean_pose(self, points, labelled, longer) -> float | None:
        size = np.array(self.images, np.float64)[:, None]
        weight = labelled[..., None]
        mean = (points / size * weight).sum(0) / np.maximum(weight.sum(0), 1)
        error = np.linalg.norm(mean * size - points, axis=-1)
        return _share(error <= 0.2 * longer, labelled)


def evaluate_pose(
    predict: Predictor,
    samples: Samples,
    class_names: Sequence[str],
    progress: Callable[[int], None] | None = None,
    joint_names: Sequence[str] = (),
) -> dict[str, Any]:
    """How near the joints are. Joints without a label are left out of every number.

    Args:
        answer: from an image (H, W, C) uint8 to answers with `keypoints` (K, 3).
        samples: name and sample of each image, with `keypoints` (K, 3) and the person's `box`.
        class_names: names of the joints, where `joint_names` is empty.
        progress: called with the number of images done.
        joint_names: names of the joints.

    Returns:
        `pck`, `pck_10`, `pck_05`: share of the joints within 0.2, 0.1, 0.05 of the longer side of
        the person's box; `pckh`: within half the distance from neck to top of the head; `pdj`:
        within 0.2 of the distance from a shoulder to the opposite hip; `pcp`: share of the limbs
        both of whose ends are within half the limb's length, and `pcp_by_limb`; `oks`: mean object
        keypoint similarity, with the area of the person's box; `pck_by_joint`;
        `mean_pose_baseline`: the PCK of always answering with the mean of these labels, placed in
        the image; `images`. What is not defined is None.

    Raises:
        InputError: no labelled image, or another number of joints.
    """
    tally, images = PoseTally(joint_names or class_names), 0
    for count, (name, sample) in enumerate(samples, 1):
        images += tally.add(name, sample, predict(sample["image"])["keypoints"])
        if progress:
            progress(count)
    return {"images": at_least_one(images), **tally.summary()}


def evaluate_pose_classification(
    predict: Predictor,
    samples: Samples,
    class_names: Sequence[str],
    progress: Callable[[int], None] | None = None,
    joint_names: Sequence[str] = (),
) -> dict[str, Any]:
    """The class of the pose and its joints, as `evaluate_classification` and `evaluate_pose`.

    Images without a class count for the joints alone; those without joints for the class alone,
    and where no image has labelled joints, their values are not there.
    """
    labels, joints, images, posed = LabelTally(class_names), PoseTally(joint_names), 0, 0
    for count, (name, sample) in enumerate(samples, 1):
        found = predict(sample["image"])
        images += labels.add(name, int(sample["label"]), found)
        posed += joints.add(name, sample, found["keypoints"])
        if progress:
            progress(count)
    measured = joints.summary() if posed else {}
    return {**labels.summary(), **measured, "images": at_least_one(images)}


def _share(right: np.ndarray, counted: np.ndarray) -> float | None:
    return float(right[counted].mean()) if counted.any() else None


def _oks(error, labelled, sides, sigmas) -> float:
    """Mean over the images of exp(−d² / (2·area·(2σ)²)) over the labelled joints."""
    area = sides.prod(axis=1)[:, None]
    similarity = np.exp(-(error**2) / (2 * area * (2 * sigmas) ** 2))
    return float(((similarity * labelled).sum(1) / labelled.sum(1)).mean())
