"""Metrics of detection and instance segmentation, as COCO and PASCAL VOC define them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from training.evaluation.coco_metrics import CocoAccumulator
from training.evaluation.object_matching import detections_of, truths_of
from training.evaluation.predictor import Predictor, Samples, counted
from training.evaluation.voc_metrics import VocAccumulator
from zoo.errors import InputError

_PREFIXES = {"segm": "mask_", "keypoints": "keypoint_"}


def evaluate_detection(
    predict: Predictor,
    samples: Samples,
    class_names: Sequence[str],
    progress: Callable[[int], None] | None = None,
    keypoint_names: Sequence[str] = (),
) -> dict[str, Any]:
    """Returns the average precision of boxes, masks and keypoints.

    Predictions have `boxes` (D, 4) xyxy in pixels of the image, `labels` (D,) with −1 as padding,
    `scores` (D,), `num_detections`, and optionally `masks`, (D, H, W) or (D, M, M) relative to the
    boxes, and `keypoints` (D, K, 3). Masks and keypoints are evaluated where both predictions and
    labels have them.

    Returns:
        COCO's metrics of boxes (`ap`, `ap50`, … see `coco_metrics.BOX_METRICS`), VOC's
        (`voc07_ap50`, `voc_ap50`), both also by class (`ap50_by_class` and so on), COCO's metrics
        of masks (`mask_ap`, …) and keypoints (`keypoint_ap`, …), and `images`. A metric is None
        without labeled objects that count. The size of an object is its labeled area, else that
        of its mask, else of its box. Masks ignore objects without outline.
    """
    coco, voc = CocoAccumulator(class_names, keypoint_names), VocAccumulator(class_names)
    kinds = ["bbox"]
    for count, (name, sample) in enumerate(counted(samples, progress), 1):
        if "boxes" not in sample or "labels" not in sample:
            raise InputError(f"{name}: no boxes to evaluate on; use a data set that has them.")
        size = sample["image"].shape[:2]
        prediction = predict(sample["image"])
        if count == 1:
            kinds += [
                kind
                for kind, key in (("segm", "masks"), ("keypoints", "keypoints"))
                if key in prediction and key in sample and sample[key].ndim == 3
            ]
        truths = truths_of(name, sample, len(class_names), "segm" in kinds)
        detections = detections_of(name, prediction, len(class_names), size, "segm" in kinds)
        coco.add(truths, detections, size)
        voc.add(truths, detections)
    result = {**coco.result(), **voc.result()}
    for kind in kinds[1:]:
        result |= {f"{_PREFIXES[kind]}{key}": v for key, v in coco.result(kind).items()}
    return {**result, "images": count}
