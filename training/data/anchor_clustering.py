"""Anchor shapes of a data set: k-means with 1 − IoU as the distance.

J. Redmon, A. Farhadi, *YOLO9000: Better, Faster, Stronger*, CVPR 2017, section 2.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import numpy as np

from zoo.errors import InputError

_TRIES = 10
_TRIED_ON = 5_000
_STEPS = 300
_PATIENCE = 10
_CHUNK = 100_000


@dataclasses.dataclass(frozen=True)
class Anchors:
    """Shapes that stand for those of a data set's objects.

    Attributes:
        shapes: (K, 2) float64 width and height, in the unit they were given in, the smallest first.
        shares: (K,) share of the objects whose best anchor each is.
        mean_ious: (K,) mean IoU of each anchor with those objects.
        mean_best_iou: mean over all objects of the IoU with their best anchor.
    """

    shapes: np.ndarray
    shares: np.ndarray
    mean_ious: np.ndarray
    mean_best_iou: float


def shape_iou(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """(N, K) IoU of boxes (N, 2) and (K, 2), width and height, laid on one centre."""
    wide = np.minimum(first[:, 0, None], second[None, :, 0])
    common = wide * np.minimum(first[:, 1, None], second[None, :, 1])
    return common / (first.prod(-1)[:, None] + second.prod(-1)[None] - common)


def find_anchors(shapes: np.ndarray, count: int, seed: int = 0) -> Anchors:
    """Clusters the shapes of objects.

    Each try begins with shapes drawn as in k-means++, with 1 − IoU for the squared distance, and
    moves every centre to the mean of its objects until none changes hands. The mean is not the
    centre nearest in IoU, and lies far off where a few objects are very large, so that as many
    tries take the median. The best centres that any try came by are kept.

    Args:
        shapes: (N, 2) width and height of the objects, positive.
        count: K, at least 1.
        seed: of the tries.

    Raises:
        InputError: fewer different shapes than anchors, or a count below 1.
    """
    shapes = np.asarray(shapes, np.float64)
    if count < 1:
        raise InputError(f"anchors={count}: expected a number of at least 1.")
    different = len(np.unique(shapes, axis=0))
    if different < count:
        raise InputError(f"{count} anchors asked for, but the objects have {different} shapes.")
    random = np.random.default_rng(seed)
    sample = shapes
    if len(shapes) > _TRIED_ON:
        sample = shapes[random.choice(len(shapes), _TRIED_ON, replace=False)]
    tries = [
        (*_cluster(sample, _drawn(sample, count, random), middle), middle)
        for _ in range(_TRIES)
        for middle in (np.mean, np.median)
    ]
    centres, _, middle = max(tries, key=lambda found: found[1])
    if sample is not shapes:
        centres, _ = _cluster(shapes, centres, middle)
    return _described(shapes, centres[np.argsort(centres.prod(-1))])


def _drawn(shapes: np.ndarray, count: int, random: np.random.Generator) -> np.ndarray:
    """(count, 2) shapes of the data, far from each other with a high probability."""
    centres = shapes[random.integers(len(shapes))][None]
    while len(centres) < count:
        distance = np.maximum(1 - shape_iou(shapes, centres).max(-1), 0)
        if not distance.any():
            # All of a sample's shapes are taken: any other will do.
            distance = np.ones(len(shapes))
        chosen = random.choice(len(shapes), p=distance / distance.sum())
        centres = np.concatenate([centres, shapes[chosen][None]])
    return centres


def _cluster(
    shapes: np.ndarray, centres: np.ndarray, middle: Callable[..., np.ndarray]
) -> tuple[np.ndarray, float]:
    """The best centres on the way from these to those that no longer move, and their mean IoU."""
    best, best_iou, before, waited = centres, -1.0, None, 0
    for _ in range(_STEPS):
        nearest, iou = _assigned(shapes, centres)
        waited = 0 if iou.mean() > best_iou + 1e-6 else waited + 1
        if iou.mean() > best_iou:
            best, best_iou = centres, float(iou.mean())
        if waited > _PATIENCE or (before is not None and (nearest == before).all()):
            break
        before = nearest
        groups = [shapes[nearest == number] for number in range(len(centres))]
        centres = np.array(
            [
                middle(group, axis=0) if len(group) else centre
                for group, centre in zip(groups, centres, strict=True)
            ]
        )
    return best, best_iou


def _assigned(shapes: np.ndarray, centres: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Number of each shape's best centre, and its IoU with it."""
    nearest, ious = [], []
    for start in range(0, len(shapes), _CHUNK):
        iou = shape_iou(shapes[start : start + _CHUNK], centres)
        nearest.append(iou.argmax(-1))
        ious.append(iou.max(-1))
    return np.concatenate(nearest), np.concatenate(ious)


def _described(shapes: np.ndarray, centres: np.ndarray) -> Anchors:
    nearest, iou = _assigned(shapes, centres)
    counts = np.bincount(nearest, minlength=len(centres))
    sums = np.bincount(nearest, iou, len(centres))
    return Anchors(centres, counts / len(shapes), sums / np.maximum(counts, 1), float(iou.mean()))
