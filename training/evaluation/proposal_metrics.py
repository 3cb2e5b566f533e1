"""Average recall of proposals: AR@N."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from training.evaluation.coco_metrics import CocoAccumulator
from training.evaluation.object_matching import Detections, truths_of
from training.evaluation.predictor import Predictor, Samples, counted

COUNTS = (10, 100, 300, 1000, 2000)


def proposal_recall(
    propose: Predictor,
    samples: Samples,
    class_count: int,
    counts: Sequence[int] = COUNTS,
    progress: Callable[[int], None] | None = None,
) -> dict[str, Any]:
    """Returns the recall of class-agnostic proposals, as COCO's average recall defines it.

    Proposals have `boxes` (P, 4) xyxy in pixels of the image, best first, and, where rows are
    padding, `num_detections`. `counts` are the numbers N of proposals per image that are evaluated.

    Returns:
        For each N of `counts`: `arN`, the recall averaged over IoU 0.50, 0.55, …, 0.95, and
        `recall50_N`, at IoU 0.5; None without labeled objects that count. And `images`.
    """
    accumulator = CocoAccumulator(["object"])
    for name, sample in counted(samples, progress):
        truths = truths_of(name, sample, class_count)
        proposals = propose(sample["image"])
        boxes = np.asarray(proposals["boxes"], np.float64)
        boxes = boxes[: int(proposals.get("num_detections", len(boxes)))]
        # The order counts, not the score.
        ranks = -np.arange(len(boxes), dtype=float)
        detections = Detections(boxes, np.zeros(len(boxes), int), ranks, None, None)
        agnostic = dataclasses.replace(truths, labels=np.zeros_like(truths.labels))
        accumulator.add(agnostic, detections, sample["image"].shape[:2])
    counts = sorted(counts)
    evaluation = accumulator.run("bbox", maxDets=list(counts))
    recall = evaluation.eval["recall"][:, 0, 0, :]
    result: dict[str, Any] = {}
    for index, number in enumerate(counts):
        values = recall[:, index]
        defined = bool((values > -1).all())
        result[f"ar{number}"] = float(values.mean()) if defined else None
        result[f"recall50_{number}"] = float(values[0]) if defined else None
    return {**result, "images": len(accumulator.images)}
