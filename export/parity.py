"""Parity of exported files with their model: predictions, metrics, size and latency."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from export.exported_predictors import Predictor, file_size
from export.prediction_differences import prediction_differences


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
        `export.prediction_differences`, and `metrics`.
    """
    predictors: dict[str, Predictor] = {
        "model": reference,
        **{name: predict for name, (_, predict) in exported.items()},
    }
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
