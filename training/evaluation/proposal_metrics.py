"""How many of the objects a list of proposals covers: AR@N."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from training.evaluation.coco_metrics import CocoRecords
from training.evaluation.object_matching import Detections, truths_of
from training.evaluation.predictor import Predictor, Samples
from zoo.errors import InputError

COUNTS = (10, 100, 300, 1000, 2000)


def proposal_recall(
    propose: Predictor,
    samples: Samples,
    class_count: int,
    counts: Sequence[int] = COUNTS,
    progress: Callable[[int], None] | None = None,
) -> dict[str, Any]:
    """Recall of class-blind proposals, as COCO's average recall defines it.

    Args:
        propose: from an image (H, W, C) uint8 to `boxes` (P, 4) xyxy in its pixels, best first,
            and, where rows are padding, `num_detections`.
        samples: name and sample of each image, as `Source.samples` gives.
        class_count: classes of the data set.
        counts: how many of an image's proposals to look at.
        progress: called with the number of images done.

    Returns:
        For each N of `counts`: `arN`, the recall averaged over IoU 0.50, 0.55, …, 0.95, and
        `recall50_N`, at IoU 0.5; None if no object that counts is labelled. And `images`.

    Raises:
        InputError: no images.
    """
    records = CocoRecords(["object"])
    count = 0
    for count, (name, sample) in enumerate(samples, 1):
        truths = truths_of(name, sample, class_count)
        proposed = propose(sample["image"])
        boxes = np.asarray(proposed["boxes"], np.float64)
        boxes = boxes[: int(proposed.get("num_detections", len(boxes)))]
        # What comes first counts first, whatever its score.
        found = Detections(
            boxes, np.zeros(len(boxes), int), -np.arange(len(boxes), dtype=float), None, None
        )
        blind = type(truths)(**{**vars(truths), "labels": np.zeros_like(truths.labels)})
        records.add(blind, found, sample["image"].shape[:2])
        if progress:
            progress(count)
    if not count:
        raise InputError("there is no image to measure on.")
    counts = sorted(counts)
    done = records.run("bbox", maxDets=list(counts))
    recall = done.eval["recall"][:, 0, 0, :]
    result: dict[str, Any] = {}
    for place, number in enumerate(counts):
        values = recall[:, place]
        known = bool((values > -1).all())
        result[f"ar{number}"] = float(values.mean()) if known else None
        result[f"recall50_{number}"] = float(values[0]) if known else None
    return {**result, "images": count}
