"""Metrics of dense captioning: average precision over overlaps and METEOR.

Johnson, Karpathy & Fei-Fei, *DenseCap*, CVPR 2016.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from training.data.vocabulary import sentence, words_of
from training.evaluation.meteor import Scorer, meteor_scorer
from training.evaluation.object_matching import detections_of, rows_of
from training.evaluation.predictor import Predictor, Samples, counted
from zoo.errors import InputError

OVERLAPS = (0.3, 0.4, 0.5, 0.6, 0.7)
METEORS = (0.0, 0.05, 0.1, 0.15, 0.2, 0.25)
MERGE_IOU = 0.7
"""IoU from which true regions count as one region with several captions."""


def evaluate_captioning(
    predict: Predictor,
    samples: Samples,
    class_names: Sequence[str],
    progress: Callable[[int], None] | None = None,
    keypoint_names: Sequence[str] = (),
    official: bool | None = None,
) -> dict[str, Any]:
    """Returns DenseCap's mean AP and related metrics.

    Predictions have `boxes` (D, 4) xyxy in pixels of the image, `labels` (D,) with −1 as padding,
    `scores` (D,) and `captions`, (D,) strings or (D, T) token ids, whose tokens are `class_names`;
    samples have `boxes`, `labels` and `texts` (N,). `official` is as of `meteor_scorer`.

    Returns:
        `mean_ap` (over all pairs of `OVERLAPS` and `METEORS`), `detection_ap` (over the overlaps,
        regardless of the captions), `meteor` (mean over the predictions that match a region),
        `ap_by_overlap`, `ap_by_meteor`, `meteor_program` and `images`. A metric is None without
        labeled, or matched, regions.
    """
    program, score = meteor_scorer(official)
    accumulator = CaptionAccumulator()
    count = 0
    for name, sample in counted(samples, progress):
        count += 1
        if "boxes" not in sample or "texts" not in sample:
            raise InputError(f"{name}: no captions to evaluate on; use a data set that has them.")
        prediction = predict(sample["image"])
        if not class_names and np.asarray(prediction["captions"]).dtype.kind in "iu":
            raise InputError("the predicted captions are token ids; give the tokens.")
        regions = detections_of(name, prediction, 1, sample["image"].shape[:2])
        rows = np.flatnonzero(rows_of(prediction))
        captions = [caption_text(prediction["captions"][row], class_names) for row in rows]
        accumulator.add(regions.boxes, regions.scores, captions, *_truth(sample))
    return {**accumulator.result(score), "meteor_program": program, "images": count}


def caption_text(caption: Any, names: Sequence[str]) -> str:
    """Returns a predicted caption, a string or token ids, as words separated by spaces."""
    if isinstance(caption, bytes):
        return caption.decode(errors="replace")
    return caption if isinstance(caption, str) else sentence(caption, names)


class CaptionAccumulator:
    """Gathers predictions and labels, image by image, as in the authors' evaluation."""

    def __init__(self) -> None:
        self.scores: list[float] = []
        self.overlaps: list[float] = []
        self.captions: list[str] = []
        self.references: list[list[str]] = []
        self.regions = 0

    def add(
        self,
        boxes: np.ndarray,
        scores: np.ndarray,
        captions: Sequence[str],
        true_boxes: np.ndarray,
        true_texts: Sequence[str],
    ) -> None:
        """Adds an image: predictions of boxes (D, 4), and labeled regions of boxes (N, 4).

        Of several predictions of a region the one of highest score counts.
        """
        groups = merge_regions(true_boxes)
        centers = np.array([true_boxes[group].mean(0) for group in groups]).reshape(-1, 4)
        overlaps = pixel_inclusive_iou(boxes, centers)
        self.regions += len(groups)
        used: set[int] = set()
        for row in np.argsort(-scores, kind="stable"):
            best = int(overlaps[row].argmax()) if len(groups) else -1
            counts = best >= 0 and overlaps[row, best] > 0 and best not in used
            if counts:
                used.add(best)
            self.scores.append(float(scores[row]))
            self.overlaps.append(float(overlaps[row, best]) if counts else 0.0)
            self.captions.append(captions[row])
            texts = [true_texts[number] for number in groups[best]] if counts else []
            self.references.append(texts)

    def result(self, score: Scorer) -> dict[str, Any]:
        """Returns `mean_ap`, `detection_ap`, `meteor`, `ap_by_overlap` and `ap_by_meteor`."""
        if not self.regions:
            empty: dict[str, Any] = dict.fromkeys(("mean_ap", "detection_ap", "meteor"))
            return empty
        overlaps = np.array(self.overlaps)
        near = np.flatnonzero(overlaps >= OVERLAPS[0])
        meteors = np.zeros(len(overlaps))
        meteors[near] = score(
            [self.captions[row] for row in near], [self.references[row] for row in near]
        )
        order = np.argsort(-np.array(self.scores), kind="stable")
        overlaps, meteors = overlaps[order], meteors[order]
        table = np.array(
            [
                [
                    average_precision((overlaps >= least) & (meteors > words), self.regions)
                    for words in METEORS
                ]
                for least in OVERLAPS
            ]
        )
        boxes = [average_precision(overlaps >= least, self.regions) for least in OVERLAPS]
        found = meteors[overlaps >= OVERLAPS[0]]
        return {
            "mean_ap": float(table.mean()),
            "detection_ap": float(np.mean(boxes)),
            "meteor": float(found.mean()) if found.size else None,
            "ap_by_overlap": dict(zip(map(str, OVERLAPS), table.mean(1).tolist(), strict=True)),
            "ap_by_meteor": dict(zip(map(str, METEORS), table.mean(0).tolist(), strict=True)),
        }


def average_precision(right: np.ndarray, regions: int) -> float:
    """Returns the mean, over 101 recalls, of the best precision at that recall or higher.

    `right` (R,) is whether each prediction is right, best score first.
    """
    if not len(right):
        return 0.0
    hits = np.cumsum(right)
    precision = np.maximum.accumulate((hits / np.arange(1, len(right) + 1))[::-1])[::-1]
    # Recall t is reached with the ⌈t·regions⌉th hit; at recall 0 any precision counts.
    needed = np.ceil(np.arange(101) * regions / 100 - 1e-9)
    index = np.searchsorted(hits, needed)
    return float(np.mean(np.append(precision, 0.0)[index]))


def merge_regions(boxes: np.ndarray) -> list[np.ndarray]:
    """Returns groups of boxes (N, 4) with an IoU of `MERGE_IOU`, largest groups first."""
    near = pixel_inclusive_iou(boxes, boxes) >= MERGE_IOU
    groups = []
    while near.any():
        group = np.flatnonzero(near[near.sum(1).argmax()])
        groups.append(group)
        near[group] = near[:, group] = False
    return groups


def pixel_inclusive_iou(boxes: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Returns the IoU (N, M) of boxes that include their right and lower edges.

    As in the authors' evaluation, such boxes are a pixel wider and higher than elsewhere.
    """
    first, second = boxes[:, None], others[None]
    low = np.maximum(first[..., :2], second[..., :2])
    high = np.minimum(first[..., 2:], second[..., 2:])
    intersection = np.maximum(high - low + 1, 0).prod(-1)
    areas = [(one[..., 2:] - one[..., :2] + 1).prod(-1) for one in (first, second)]
    return intersection / (areas[0] + areas[1] - intersection)


def _truth(sample: dict[str, np.ndarray]) -> tuple[np.ndarray, list[str]]:
    """Returns boxes (N, 4) and captions of the regions that have both and are no crowds."""
    boxes = np.asarray(sample["boxes"], np.float64)
    texts = [" ".join(words_of(text.decode(errors="replace"))) for text in sample["texts"]]
    valid = (np.asarray(sample["labels"]) >= 0) & (boxes[:, 2:] > boxes[:, :2]).all(1)
    valid &= np.array([bool(text) for text in texts], bool)
    for key in ("crowd", "difficult"):
        if key in sample:
            valid &= ~np.asarray(sample[key], bool)
    return boxes[valid], [text for text, use in zip(texts, valid, strict=True) if use]
