"""Anchor shapes of a data set: k-means with 1 − IoU as the distance.

J. Redmon, A. Farhadi, *YOLO9000: Better, Faster, Stronger*, CVPR 2017, section 2.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import numpy as np

from zoo.errors import InputError

_TRIES = 10
_SAMPLE_SIZE = 5_000
_STEPS = 300
_PATIENCE = 10
_CHUNK = 100_000


@dataclasses.dataclass(frozen=True)
class Anchors:
    """Anchor shapes of a data set.

    Attributes:
        shapes: (K, 2) float64 width and height in the unit of the objects, smallest area first.
        fractions: (K,) fraction of the objects assigned to each anchor, the one of highest IoU.
        mean_ious: (K,) mean IoU of each anchor with its objects.
        mean_best_iou: mean IoU of all objects with their anchors.
    """

    shapes: np.ndarray
    fractions: np.ndarray
    mean_ious: np.ndarray
    mean_best_iou: float


def shape_iou(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Returns (N, K) IoUs of boxes (N, 2) and (K, 2), width and height, with equal centers."""
    wide = np.minimum(first[:, 0, None], second[None, :, 0])
    common = wide * np.minimum(first[:, 1, None], second[None, :, 1])
    return common / (first.prod(-1)[:, None] + second.prod(-1)[None] - common)


def find_anchors(shapes: np.ndarray, count: int, seed: int = 0) -> Anchors:
    """Clusters the (N, 2) widths and heights of objects into `count` anchors by k-means.

    The distance is 1 − IoU. Each try starts from a k-means++ draw and iterates until no assignment
    changes. The mean does not minimize 1 − IoU, so every second try uses the median instead; the
    best centers of all iterations of all tries are returned.
    """
    shapes = np.asarray(shapes, np.float64)
    if count < 1:
        raise InputError(f"anchors must be at least 1, not {count}.")
    different = len(np.unique(shapes, axis=0))
    if different < count:
        raise InputError(
            f"anchors must be at most {different}, the number of different shapes, not {count}."
        )
    random = np.random.default_rng(seed)
    sample = shapes
    if len(shapes) > _SAMPLE_SIZE:
        sample = shapes[random.choice(len(shapes), _SAMPLE_SIZE, replace=False)]
    tries = [
        (*_cluster(sample, _initial_centers(sample, count, random), middle), middle)
        for _ in range(_TRIES)
        for middle in (np.mean, np.median)
    ]
    centers, _, middle = max(tries, key=lambda result: result[1])
    if sample is not shapes:
        centers, _ = _cluster(shapes, centers, middle)
    centers = centers[np.argsort(centers.prod(-1))]
    nearest, iou = _assigned(shapes, centers)
    counts = np.bincount(nearest, minlength=count)
    sums = np.bincount(nearest, iou, count)
    return Anchors(centers, counts / len(shapes), sums / np.maximum(counts, 1), float(iou.mean()))


def _initial_centers(shapes: np.ndarray, count: int, random: np.random.Generator) -> np.ndarray:
    """Draws (count, 2) initial centers by k-means++, with 1 − IoU as the squared distance."""
    centers = shapes[random.integers(len(shapes))][None]
    while len(centers) < count:
        distance = np.maximum(1 - shape_iou(shapes, centers).max(-1), 0)
        if not distance.any():
            # All shapes of the sample are centers already.
            distance = np.ones(len(shapes))
        chosen = random.choice(len(shapes), p=distance / distance.sum())
        centers = np.concatenate([centers, shapes[chosen][None]])
    return centers


def _cluster(
    shapes: np.ndarray, centers: np.ndarray, middle: Callable[..., np.ndarray]
) -> tuple[np.ndarray, float]:
    """Iterates to convergence and returns the best centers on the way, with their mean IoU."""
    best, best_iou, previous, waited = centers, -1.0, None, 0
    for _ in range(_STEPS):
        nearest, iou = _assigned(shapes, centers)
        waited = 0 if iou.mean() > best_iou + 1e-6 else waited + 1
        if iou.mean() > best_iou:
            best, best_iou = centers, float(iou.mean())
        if waited > _PATIENCE or (previous is not None and (nearest == previous).all()):
            break
        previous = nearest
        groups = [shapes[nearest == number] for number in range(len(centers))]
        centers = np.array(
            [
                middle(group, axis=0) if len(group) else center
                for group, center in zip(groups, centers, strict=True)
            ]
        )
    return best, best_iou


def _assigned(shapes: np.ndarray, centers: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Returns the index of each shape's best center, and its IoU with it."""
    nearest, ious = [], []
    for start in range(0, len(shapes), _CHUNK):
        iou = shape_iou(shapes[start : start + _CHUNK], centers)
        nearest.append(iou.argmax(-1))
        ious.append(iou.max(-1))
    return np.concatenate(nearest), np.concatenate(ious)
