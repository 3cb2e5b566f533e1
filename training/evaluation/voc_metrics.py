"""Average precision as PASCAL VOC defines it: M. Everingham et al., “The PASCAL Visual Object
Classes (VOC) Challenge”, IJCV 88(2), 2010."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from faster_coco_eval import mask as runs

from training.evaluation.object_matching import Detections, Truths

_RIGHT, _WRONG, _NEITHER = 1, 0, -1


class VocRecords:
    """Labels and answers, gathered image by image.

    An answer is judged by the object of its class that it overlaps most: right if the IoU is at
    least one half and no better-scored answer took that object, neither right nor wrong if the
    object is difficult (or a crowd, which VOC does not know), else wrong.

    Args:
        class_names: of the objects.
        threshold: the IoU that makes an answer right.
    """

    def __init__(self, class_names: Sequence[str], threshold: float = 0.5):
        self.class_names = tuple(class_names)
        self.threshold = threshold
        self.images: list[tuple[Truths, Detections]] = []

    def add(self, truths: Truths, found: Detections) -> None:
        """Adds an image."""
        self.images.append((truths, found))

    def numbers(self) -> dict[str, Any]:
        """AP at IoU 0.5 over the classes that occur, by both of VOC's rules.

        Returns:
            `voc07_ap50` (eleven points, VOC 2007) and `voc_ap50` (whole area, VOC 2010 on), each
            also `…_by_class` by name; None where no object that counts is labelled.
        """
        rules = {"voc07_ap50": eleven_point_ap, "voc_ap50": area_ap}
        classes: dict[str, dict[str, float | None]] = {name: {} for name in rules}
        for number, name in enumerate(self.class_names):
            scores, outcomes, positives = self._judged(number)
            recall, precision = precision_recall(scores, outcomes, positives)
            for key, rule in rules.items():
                classes[key][name] = rule(recall, precision) if positives else None
        result: dict[str, Any] = {}
        for key, values in classes.items():
            known = [value for value in values.values() if value is not None]
            result[key] = float(np.mean(known)) if known else None
        return {**result, **{f"{key}_by_class": values for key, values in classes.items()}}

    def _judged(self, number: int) -> tuple[np.ndarray, np.ndarray, int]:
        """Scores and outcomes of all answers of a class, and how many objects are to be found."""
        scores, outcomes = [np.zeros(0)], [np.zeros(0, int)]
        positives = 0
        for truths, found in self.images:
            mine = truths.labels == number
            ignored = (truths.difficult | truths.crowd)[mine]
            positives += int((~ignored).sum())
            predictions = found.labels == number
            order = np.argsort(-found.scores[predictions], kind="stable")
            overlaps = box_iou(found.boxes[predictions][order], truths.boxes[mine])
            scores.append(found.scores[predictions][order])
            outcomes.append(_outcomes(overlaps, ignored, self.threshold))
        return np.concatenate(scores), np.concatenate(outcomes), positives


def box_iou(found: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """(D, N) IoU of xyxy boxes (D, 4) and (N, 4), in float64."""
    if not len(found) or not len(truth):
        return np.zeros((len(found), len(truth)))
    sides = [np.concatenate([b[:, :2], b[:, 2:] - b[:, :2]], axis=1) for b in (found, truth)]
    return np.asarray(runs.iou(*(np.ascontiguousarray(s) for s in sides), [0] * len(truth)))


def _outcomes(overlaps: np.ndarray, ignored: np.ndarray, threshold: float) -> np.ndarray:
    """Of each answer (D,), best score first, from its IoU (D, N) with the image's objects."""
    outcomes = np.full(len(overlaps), _WRONG)
    taken = np.zeros(len(ignored), bool)
    for row, overlap in enumerate(overlaps):
        if not overlap.size or overlap.max() < threshold:
            continue
        best = int(overlap.argmax())
        if ignored[best]:
            outcomes[row] = _NEITHER
        elif not taken[best]:
            outcomes[row] = _RIGHT
            taken[best] = True
    return outcomes


def precision_recall(
    scores: np.ndarray, outcomes: np.ndarray, positives: int
) -> tuple[np.ndarray, np.ndarray]:
    """Recall and precision after each answer, best score first.

    Args:
        scores: (D,).
        outcomes: (D,) 1 right, 0 wrong, −1 neither.
        positives: objects that there are to find.
    """
    order = np.argsort(-scores, kind="stable")
    judged = outcomes[order][outcomes[order] != _NEITHER]
    right = np.cumsum(judged == _RIGHT)
    predicted = np.arange(1, len(judged) + 1)
    return right / max(positives, 1), right / predicted


def eleven_point_ap(recall: np.ndarray, precision: np.ndarray) -> float:
    """Mean over recall 0, 0.1, …, 1 of the best precision at that recall or beyond (VOC 2007)."""
    return sum(precision[recall >= step / 10].max(initial=0.0) for step in range(11)) / 11


def area_ap(recall: np.ndarray, precision: np.ndarray) -> float:
    """Area under the precision, made to fall monotonically, over recall (from VOC 2010 on)."""
    envelope = np.maximum.accumulate(precision[::-1])[::-1]
    return float((np.diff(recall, prepend=0.0) * envelope).sum())
