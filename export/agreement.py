"""How far two answers for one image differ."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

_SAME_IOU = 0.9
_SURE = 0.3
Difference = tuple[float, float]


def differences_of(found: Mapping[str, Any], expected: Mapping[str, Any]) -> dict[str, Difference]:
    """Largest absolute difference of each answer, and the share of its values that differ.

    Values differ when they are not equal to 1e-3; two strings that differ do so by 1. Objects are
    compared object by object, since two of nearly one score may change places: `boxes` differ by
    the share of the objects with a score of at least 0.3, in either answer, that have no partner of
    their class with an IoU of at least 0.9 in the other; `scores`, `masks`, `keypoints` and
    `captions` are compared between partners.

    Raises:
        ValueError: answers of different shapes.
    """
    if "boxes" in expected and "labels" in expected:
        return _objects(found, expected)
    return {key: _values(found[key], value) for key, value in expected.items()}


def _values(found: np.ndarray, expected: np.ndarray) -> Difference:
    found, expected = np.asarray(found), np.asarray(expected)
    if found.shape != expected.shape:
        raise ValueError(f"answers of different shapes: {found.shape} and {expected.shape}")
    if not found.size:
        return 0.0, 0.0
    if found.dtype.kind in "US":
        different = found != expected
        return float(different.any()), float(different.mean())
    gap = np.abs(found.astype(np.float64) - expected.astype(np.float64))
    return float(gap.max()), float((gap > 1e-3).mean())


def _objects(found: Mapping[str, Any], expected: Mapping[str, Any]) -> dict[str, Difference]:
    mine, theirs = _present(found), _present(expected)
    same_class = mine["labels"][:, None] == theirs["labels"][None]
    overlaps = np.where(same_class, _iou(mine["boxes"], theirs["boxes"]), 0.0)
    pairs = _partners(overlaps)
    rows, columns = (np.array([pair[side] for pair in pairs], int) for side in (0, 1))
    alone = [
        np.setdiff1d(np.flatnonzero(one["scores"] >= _SURE), taken)
        for one, taken in ((mine, rows), (theirs, columns))
    ]
    sure = sum(int((one["scores"] >= _SURE).sum()) for one in (mine, theirs))
    paired = {
        key: _values(mine[key][rows], theirs[key][columns])
        for key in theirs
        if key not in ("labels", "boxes")
    }
    moved = _values(mine["boxes"][rows], theirs["boxes"][columns])[0]
    return {"boxes": (moved, sum(map(len, alone)) / max(sure, 1)), **paired}


def _present(prediction: Mapping[str, Any]) -> dict[str, np.ndarray]:
    """The rows that are objects."""
    labels = np.asarray(prediction["labels"])
    there = labels >= 0
    if "num_detections" in prediction:
        there &= np.arange(len(labels)) < int(prediction["num_detections"])
    return {
        key: np.asarray(value)[there]
        for key, value in prediction.items()
        if key != "num_detections"
    }


def _partners(overlaps: np.ndarray) -> list[tuple[int, int]]:
    """Pairs of rows and columns, the nearest first, each in one pair at most."""
    pairs: list[tuple[int, int]] = []
    overlaps = overlaps.copy()
    while overlaps.size and overlaps.max() >= _SAME_IOU:
        row, column = np.unravel_index(int(overlaps.argmax()), overlaps.shape)
        pairs.append((int(row), int(column)))
        overlaps[row], overlaps[:, column] = 0.0, 0.0
    return pairs


def _iou(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """(N, M) IoU of xyxy boxes; two that are the same have 1, even without area."""
    one, other = one.astype(np.float64)[:, None], other.astype(np.float64)[None]
    sides = np.minimum(one[..., 2:], other[..., 2:]) - np.maximum(one[..., :2], other[..., :2])
    shared = np.maximum(sides, 0.0).prod(-1)
    union = sum((box[..., 2:] - box[..., :2]).prod(-1) for box in (one, other)) - shared
    same = (one == other).all(-1)
    return np.where(same, 1.0, shared / np.maximum(union, 1e-12))
