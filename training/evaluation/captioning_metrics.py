"""Dense captioning's metric: is there such a region, and is that what can be said of it?

Johnson, Karpathy & Fei-Fei, *DenseCap*, CVPR 2016: average precision over overlaps and METEOR.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from training.data.vocabulary import sentence, words_of
from training.evaluation.meteor import Scorer, meteor_scorer
from training.evaluation.object_matching import detections_of, rows_of
from training.evaluation.predictor import Predictor, Samples
from zoo.errors import InputError

OVERLAPS = (0.3, 0.4, 0.5, 0.6, 0.7)
METEORS = (0.0, 0.05, 0.1, 0.15, 0.2, 0.25)
MERGED = 0.7
"""Overlap from which on true regions are one region with several sentences."""


def evaluate_captioning(
    predict: Predictor,
    samples: Samples,
    class_names: Sequence[str],
    progress: Callable[[int], None] | None = None,
    joint_names: Sequence[str] = (),
    official: bool | None = None,
) -> dict[str, Any]:
    """DenseCap's mean AP and its parts.

    Args:
        answer: from an image (H, W, C) uint8 to `boxes` (D, 4) xyxy in its pixels, `labels` (D,)
            with −1 as padding, `scores` (D,) and `captions`, (D,) strings or (D, T) token ids.
        samples: name and sample of each image with `boxes`, `labels` and `texts` (N,).
        class_names: what each token id stands for, see `zoo.tasks.captioning_task`.
        progress: called with the number of images done.
        joint_names: as every evaluation takes them; not used here.
        official: as `meteor_scorer` takes it.

    Returns:
        `mean_ap` (over all pairs of `OVERLAPS` and `METEORS`), `detection_ap` (over the overlaps,
        whatever is said), `meteor` (mean over the answers that found a region), `ap_by_overlap`,
        `ap_by_meteor`, `meteor_from` (which METEOR it was) and `images`. A number is None where
        nothing is labelled, or found.

    Raises:
        InputError: no images, no sentences beside the boxes, or token ids that nobody names.
    """
    name_of_meteor, score = meteor_scorer(official)
    records = CaptionRecords()
    count = 0
    for count, (name, sample) in enumerate(samples, 1):
        if "boxes" not in sample or "texts" not in sample:
            raise InputError(f"{name}: has no sentences about regions to measure on.")
        found = predict(sample["image"])
        if not class_names and np.asarray(found["captions"]).dtype.kind in "iu":
            raise InputError("the captions are token ids; give the words that they stand for.")
        kept = detections_of(name, found, 1, sample["image"].shape[:2])
        rows = np.flatnonzero(rows_of(found))
        said = [as_sentence(found["captions"][row], class_names) for row in rows]
        records.add(kept.boxes, kept.scores, said, *_truth(sample))
        if progress:
            progress(count)
    if not count:
        raise InputError("there is no image to measure on.")
    return {**records.numbers(score), "meteor_from": name_of_meteor, "images": count}


def as_sentence(caption: Any, names: Sequence[str]) -> str:
    """A caption of an answer as words with blanks between: a string, or token ids by name."""
    if isinstance(caption, bytes):
        return caption.decode(errors="replace")
    return caption if isinstance(caption, str) else sentence(caption, names)


class CaptionRecords:
    """Answers and labels, gathered image by image, as the authors' evaluation does it."""

    def __init__(self) -> None:
        self.scores: list[float] = []
        self.overlaps: list[float] = []
        self.said: list[str] = []
        self.references: list[list[str]] = []
        self.regions = 0

    def add(
        self,
        boxes: np.ndarray,
        scores: np.ndarray,
        said: Sequence[str],
        true_boxes: np.ndarray,
        true_texts: Sequence[str],
    ) -> None:
        """Adds an image; the answer of highest score at a region is the one that counts.

        Args:
            boxes, scores, said: of D answers.
            true_boxes, true_texts: of N regions, one sentence each.
        """
        groups = merged(true_boxes)
        centres = np.array([true_boxes[group].mean(0) for group in groups]).reshape(-1, 4)
        overlaps = inclusive_iou(boxes, centres)
        self.regions += len(groups)
        used: set[int] = set()
        for row in np.argsort(-scores, kind="stable"):
            best = int(overlaps[row].argmax()) if len(groups) else -1
            counts = best >= 0 and overlaps[row, best] > 0 and best not in used
            if counts:
                used.add(best)
            self.scores.append(float(scores[row]))
            self.overlaps.append(float(overlaps[row, best]) if counts else 0.0)
            self.said.append(said[row])
            texts = [true_texts[number] for number in groups[best]] if counts else []
            self.references.append(texts)

    def numbers(self, score: Scorer) -> dict[str, Any]:
        """`mean_ap`, `detection_ap`, `meteor`, `ap_by_overlap` and `ap_by_meteor`."""
        if not self.regions:
            empty: dict[str, Any] = dict.fromkeys(("mean_ap", "detection_ap", "meteor"))
            return empty
        overlaps = np.array(self.overlaps)
        near = np.flatnonzero(overlaps >= OVERLAPS[0])
        meteors = np.zeros(len(overlaps))
        meteors[near] = score(
            [self.said[row] for row in near], [self.references[row] for row in near]
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
    """Mean, over 101 recalls, of the best precision at that recall or a higher one.

    Args:
        right: (R,) bool, whether each answer is right, best score first.
        regions: how many there are to find.
    """
    if not len(right):
        return 0.0
    hits = np.cumsum(right)
    precision = np.maximum.accumulate((hits / np.arange(1, len(right) + 1))[::-1])[::-1]
    # Recall t is reached with the ⌈t·regions⌉th hit; at recall 0 any precision counts.
    wanted = np.ceil(np.arange(101) * regions / 100 - 1e-9)
    place = np.searchsorted(hits, wanted)
    return float(np.mean(np.append(precision, 0.0)[place]))


def merged(boxes: np.ndarray) -> list[np.ndarray]:
    """Groups of boxes (N, 4) that overlap by `MERGED`, the box with most such neighbours first."""
    near = inclusive_iou(boxes, boxes) >= MERGED
    groups = []
    while near.any():
        group = np.flatnonzero(near[near.sum(1).argmax()])
        groups.append(group)
        near[group] = near[:, group] = False
    return groups


def inclusive_iou(boxes: np.ndarray, others: np.ndarray) -> np.ndarray:
    """(N, M) overlaps of boxes whose right and lower edges are pixels of theirs, as the authors'
    evaluation counts: a pixel wider and higher than elsewhere in the zoo."""
    first, second = boxes[:, None], others[None]
    low = np.maximum(first[..., :2], second[..., :2])
    high = np.minimum(first[..., 2:], second[..., 2:])
    shared = np.maximum(high - low + 1, 0).prod(-1)
    areas = [(one[..., 2:] - one[..., :2] + 1).prod(-1) for one in (first, second)]
    return shared / (areas[0] + areas[1] - shared)


def _truth(sample: dict[str, np.ndarray]) -> tuple[np.ndarray, list[str]]:
    """Boxes (N, 4) and sentences, of regions that have both and are no crowds."""
    boxes = np.asarray(sample["boxes"], np.float64)
    texts = [" ".join(words_of(text.decode(errors="replace"))) for text in sample["texts"]]
    there = (np.asarray(sample["labels"]) >= 0) & (boxes[:, 2:] > boxes[:, :2]).all(1)
    there &= np.array([bool(text) for text in texts], bool)
    for key in ("crowd", "difficult"):
        if key in sample:
            there &= ~np.asarray(sample[key], bool)
    return boxes[there], [text for text, kept in zip(texts, there, strict=True) if kept]
