"""Average precision of PASCAL VOC (Everingham et al., IJCV 88(2), 2010)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from faster_coco_eval import mask as rle

from training.evaluation.object_matching import Detections, Truths

_TRUE_POSITIVE, _FALSE_POSITIVE, _IGNORED = 1, 0, -1


class VocAccumulator:
    """Gathers labels and predictions, image by image.

    A prediction is matched to the object of its class with the greatest IoU. It is a true positive
    if that IoU reaches the threshold and no prediction of higher score has the object, ignored if
    the object is difficult (or a crowd, which VOC does not have), else a false positive.
    """

    def __init__(self, class_names: Sequence[str], threshold: float = 0.5):
        self.class_names = tuple(class_names)
        self.threshold = threshold
        self.images: list[tuple[Truths, Detections]] = []

    def add(self, truths: Truths, detections: Detections) -> None:
        """Adds an image."""
        self.images.append((truths, detections))

    def result(self) -> dict[str, Any]:
        """Returns the AP at IoU 0.5 over the classes that occur, by both definitions of VOC.

        They are `voc07_ap50` (eleven points, VOC 2007) and `voc_ap50` (whole area, from VOC 2010
        on), both also `…_by_class` by name; None without labeled objects that count.
        """
        rules = {"voc07_ap50": eleven_point_ap, "voc_ap50": area_ap}
        classes: dict[str, dict[str, float | None]] = {name: {} for name in rules}
        for number, name in enumerate(self.class_names):
            scores, outcomes, positives = self._outcomes(number)
            recall, precision = precision_recall(scores, outcomes, positives)
            for key, rule in rules.items():
                classes[key][name] = rule(recall, precision) if positives else None
        result: dict[str, Any] = {}
        for key, values in classes.items():
            defined = [value for value in values.values() if value is not None]
            result[key] = float(np.mean(defined)) if defined else None
        return {**result, **{f"{key}_by_class": values for key, values in classes.items()}}

    def _outcomes(self, label: int) -> tuple[np.ndarray, np.ndarray, int]:
        """Returns scores and outcomes of all predictions of a class, and its number of objects."""
        scores, outcomes = [np.zeros(0)], [np.zeros(0, int)]
        positives = 0
        for truths, detections in self.images:
            of_class = truths.labels == label
            ignored = (truths.difficult | truths.crowd)[of_class]
            positives += int((~ignored).sum())
            predicted = detections.labels == label
            order = np.argsort(-detections.scores[predicted], kind="stable")
            ious = box_iou(detections.boxes[predicted][order], truths.boxes[of_class])
            scores.append(detections.scores[predicted][order])
            outcomes.append(_match(ious, ignored, self.threshold))
        return np.concatenate(scores), np.concatenate(outcomes), positives


def box_iou(boxes: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Returns the IoU (D, N) of xyxy boxes (D, 4) and (N, 4), in float64."""
    if not len(boxes) or not len(others):
        return np.zeros((len(boxes), len(others)))
    xywh = [np.concatenate([b[:, :2], b[:, 2:] - b[:, :2]], axis=1) for b in (boxes, others)]
    return np.asarray(rle.iou(*(np.ascontiguousarray(b) for b in xywh), [0] * len(others)))


def _match(ious: np.ndarray, ignored: np.ndarray, threshold: float) -> np.ndarray:
    """Returns the outcomes (D,) of predictions, best score first, from their IoU (D, N)."""
    outcomes = np.full(len(ious), _FALSE_POSITIVE)
    matched = np.zeros(len(ignored), bool)
    for row, iou in enumerate(ious):
        if not iou.size or iou.max() < threshold:
            continue
        best = int(iou.argmax())
        if ignored[best]:
            outcomes[row] = _IGNORED
        elif not matched[best]:
            outcomes[row] = _TRUE_POSITIVE
            matched[best] = True
    return outcomes


def precision_recall(
    scores: np.ndarray, outcomes: np.ndarray, positives: int
) -> tuple[np.ndarray, np.ndarray]:
    """Returns recall and precision after each prediction that counts, best score first.

    Outcomes (D,) are 1 for a true positive, 0 for a false positive, −1 for an ignored prediction.
    """
    order = np.argsort(-scores, kind="stable")
    counted = outcomes[order][outcomes[order] != _IGNORED]
    right = np.cumsum(counted == _TRUE_POSITIVE)
    predicted = np.arange(1, len(counted) + 1)
    return right / max(positives, 1), right / predicted


def eleven_point_ap(recall: np.ndarray, precision: np.ndarray) -> float:
    """Returns the mean of the best precision at recall 0, 0.1, …, 1 or higher (VOC 2007)."""
    return sum(precision[recall >= step / 10].max(initial=0.0) for step in range(11)) / 11


def area_ap(recall: np.ndarray, precision: np.ndarray) -> float:
    """Returns the area under the monotone precision-recall curve (from VOC 2010 on)."""
    envelope = np.maximum.accumulate(precision[::-1])[::-1]
    return float((np.diff(recall, prepend=0.0) * envelope).sum())
