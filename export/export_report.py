"""What exporting changed: the answers, the metric, the size, the latency."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from export.agreement import differences_of
from export.runners import Predictor, file_size


def parity_report(
    reference: Predictor,
    exported: Mapping[str, tuple[Path, Predictor]],
    images: Iterable[np.ndarray],
    measure: Callable[[Predictor], dict[str, Any]] | None = None,
) -> dict[str, Any]:
    """Compares exported files with the model they came from, on the user's own images.

    Args:
        reference: answers of the model, by image (H, W, C) uint8.
        exported: path and answers of each file, by a name for it.
        images: what to compare on; the files take turns on each image, so that their times
            can be compared.
        measure: from an answer function to the task's metrics; None leaves them out.

    Returns:
        For the model and each file: `bytes` (files only), `milliseconds` (median), for files also
        `max_difference` and `share_different` of every answer, see `export.agreement`, and
        `metrics`.
    """
    everyone: dict[str, Predictor] = {
        "model": reference,
        **{name: predict for name, (_, predict) in exported.items()},
    }
    times: dict[str, list[float]] = {name: [] for name in everyone}
    differences: dict[str, dict[str, list[tuple[float, float]]]] = {n: {} for n in exported}
    count = 0
    for count, image in enumerate(images, 1):  # noqa: B007  (used after the loop)
        expected: dict[str, Any] = {}
        for name, predict in everyone.items():
            predict(image)  # a new size may cost a new trace or allocation
            began = time.perf_counter()
            found = predict(image)
            times[name].append(1000 * (time.perf_counter() - began))
            if name == "model":
                expected = found
                continue
            for key, difference in differences_of(found, expected).items():
                differences[name].setdefault(key, []).append(difference)
    report: dict[str, Any] = {"images": count}
    for name, predict in everyone.items():
        row: dict[str, Any] = {"milliseconds": round(statistics.median(times[name]), 2)}
        if name != "model":
            row["bytes"] = file_size(exported[name][0])
            row["max_difference"] = {k: max(d for d, _ in v) for k, v in differences[name].items()}
            row["share_different"] = {
                k: float(np.mean([s for _, s in v])) for k, v in differences[name].items()
            }
        if measure is not None:
            row["metrics"] = measure(predict)
        report[name] = row
    return report
