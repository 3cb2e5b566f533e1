"""Parity of exported files with their model: predictions, metrics, size and latency."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from export.exported_predictors import Predictor, file_size

_SAME_IOU = 0.9
_CONFIDENT = 0.3
Difference = tuple[float, float]


def parity_report(
    reference: Predictor,
    exported: Mapping[str, tuple[Path, Predictor]],
    images: Iterable[np.ndarray],
    measure: Callable[[Predictor], dict[str, Any]] | None = None,
) -> dict[str, Any]:
    """Compares exported files with their model, on the user's own images.

    Args:
        reference: predictor of the model, for images (H, W, C) uint8.
        exported: path and predictor of each file, by a name for it.
        images: images to compare on; the files take turns on each image, so that their latencies
            can be compared.
        measure: function from a predictor to the task's metrics; None leaves them out.

    Returns:
        For the model and each file: `bytes` (files only), `milliseconds` (median), for files also
        `max_difference` and `fraction_different` of every prediction, see
        `prediction_differences`, and `metrics`.
    """
    predictors = {"model": reference, **{name: one for name, (_, one) in exported.items()}}
    times: dict[str, list[float]] = {name: [] for name in predictors}
    differences: dict[str, dict[str, list[tuple[float, float]]]] = {n: {} for n in exported}
    count = 0
    for count, image in enumerate(images, 1):  # noqa: B007  (used after the loop)
        expected: dict[str, Any] = {}
        for name, predict in predictors.items():
            predict(image)  # a new size may cost a new trace or allocation
            began = time.perf_counter()
            predictions = predict(image)
            times[name].append(1000 * (time.perf_counter() - began))
            if name == "model":
                expected = predictions
                continue
            for key, difference in prediction_differences(predictions, expected).items():
                differences[name].setdefault(key, []).append(difference)
    report: dict[str, Any] = {"images": count}
    for name, predict in predictors.items():
        row: dict[str, Any] = {"milliseconds": round(statistics.median(times[name]), 2)}
        if name != "model":
            row["bytes"] = file_size(exported[name][0])
            row["max_difference"] = {k: max(d for d, _ in v) for k, v in differences[name].items()}
            row["fraction_different"] = {
                k: float(np.mean([f for _, f in v])) for k, v in differences[name].items()
            }
        if measure is not None:
            row["metrics"] = measure(predict)
        report[name] = row
    return report


def prediction_differences(
    predictions: Mapping[str, Any], expected: Mapping[str, Any]
) -> dict[str, Difference]:
    """Returns the largest absolute difference per key, and the fraction of values that differ.

    Values differ by more than 1e-3; two different strings differ by 1. Objects are matched first,
    since two of nearly equal score may change places: `boxes` differ by the fraction of the objects
    with a score of at least 0.3, in either prediction, that have no match of their class with an
    IoU of at least 0.9 in the other; the other keys are compared between matched objects.
    """
    if "boxes" in expected and "labels" in expected:
        return _object_differences(predictions, expected)
    return {key: _value_difference(predictions[key], value) for key, value in expected.items()}


def _value_difference(values: np.ndarray, expected: np.ndarray) -> Difference:
    values, expected = np.asarray(values), np.asarray(expected)
    if values.shape != expected.shape:
        raise ValueError(f"predictions have different shapes: {values.shape}, {expected.shape}.")
    if not values.size:
        return 0.0, 0.0
    if values.dtype.kind in "US":
        different = values != expected
        return float(different.any()), float(different.mean())
    gap = np.abs(values.astype(np.float64) - expected.astype(np.float64))
    return float(gap.max()), float((gap > 1e-3).mean())


def _object_differences(
    predictions: Mapping[str, Any], expected: Mapping[str, Any]
) -> dict[str, Difference]:
    first, second = _valid_objects(predictions), _valid_objects(expected)
    same_class = first["labels"][:, None] == second["labels"][None]
    pairs = _matches(np.where(same_class, _iou(first["boxes"], second["boxes"]), 0.0))
    rows, columns = (np.array([pair[side] for pair in pairs], int) for side in (0, 1))
    unmatched = [
        np.setdiff1d(np.flatnonzero(objects["scores"] >= _CONFIDENT), matched)
        for objects, matched in ((first, rows), (second, columns))
    ]
    confident = sum(int((objects["scores"] >= _CONFIDENT).sum()) for objects in (first, second))
    differences = {
        key: _value_difference(first[key][rows], second[key][columns])
        for key in second
        if key not in ("labels", "boxes")
    }
    moved = _value_difference(first["boxes"][rows], second["boxes"][columns])[0]
    return {"boxes": (moved, sum(map(len, unmatched)) / max(confident, 1)), **differences}


def _valid_objects(predictions: Mapping[str, Any]) -> dict[str, np.ndarray]:
    """Returns the rows that are not padding."""
    labels = np.asarray(predictions["labels"])
    valid = labels >= 0
    if "num_detections" in predictions:
        valid &= np.arange(len(labels)) < int(predictions["num_detections"])
    return {
        key: np.asarray(value)[valid]
        for key, value in predictions.items()
        if key != "num_detections"
    }


def _matches(overlaps: np.ndarray) -> list[tuple[int, int]]:
    """Returns pairs of rows and columns by falling IoU, each in at most one pair."""
    pairs: list[tuple[int, int]] = []
    overlaps = overlaps.copy()
    while overlaps.size and overlaps.max() >= _SAME_IOU:
        row, column = np.unravel_index(int(overlaps.argmax()), overlaps.shape)
        pairs.append((int(row), int(column)))
        overlaps[row], overlaps[:, column] = 0.0, 0.0
    return pairs


def _iou(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Returns the (N, M) IoU of xyxy boxes; equal boxes have 1, even without area."""
    first, second = first.astype(np.float64)[:, None], second.astype(np.float64)[None]
    sides = np.minimum(first[..., 2:], second[..., 2:]) - np.maximum(
        first[..., :2], second[..., :2]
    )
    intersection = np.maximum(sides, 0.0).prod(-1)
    union = sum((box[..., 2:] - box[..., :2]).prod(-1) for box in (first, second)) - intersection
    same = (first == second).all(-1)
    return np.where(same, 1.0, intersection / np.maximum(union, 1e-12))
