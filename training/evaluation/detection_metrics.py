"""Boxes, masks and keypoints against the labels: COCO's numbers and VOC's."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from training.evaluation.coco_metrics import CocoRecords
from training.evaluation.object_matching import detections_of, truths_of
from training.evaluation.predictor import Predictor, Samples
from training.evaluation.voc_metrics import VocRecords
from zoo.errors import InputError

_PREFIXES = {"segm": "mask_", "keypoints": "keypoint_"}


def evaluate_detection(
    predict: Predictor,
    samples: Samples,
    class_names: Sequence[str],
    progress: Callable[[int], None] | None = None,
    joint_names: Sequence[str] = (),
) -> dict[str, Any]:
    """Average precision of boxes, and of masks and keypoints where answers and labels have them.

    Args:
        answer: from an image (H, W, C) uint8 to `boxes` (D, 4) xyxy in its pixels, `labels` (D,)
            with −1 as padding, `scores` (D,), `num_detections`, and perhaps `masks` and `keypoints`
            (D, K, 3). Masks are (D, H, W), or (D, M, M) in the frames of the boxes.
        samples: name and sample of each image, as `Source.samples` gives.
        class_names: of the objects.
        progress: called with the number of images done.
        joint_names: of the K keypoints, see `training.evaluation.oks`.

    Returns:
        COCO's numbers for boxes (`ap`, `ap50`, … see `coco_metrics.BOX_NUMBERS`), VOC's
        (`voc07_ap50`, `voc_ap50`), each by class too (`ap50_by_class` and so on), the same of COCO
        for masks (`mask_ap`, …) and keypoints (`keypoint_ap`, …), and `images`. A number is None
        where nothing that counts is labelled. An object's size is its mask's area where the data
        set has masks, else its box's.

    Raises:
        InputError: no images, no labelled objects' keys, or a class beyond the names.
    """
    coco, voc = CocoRecords(class_names, joint_names), VocRecords(class_names)
    kinds = ["bbox"]
    count = 0
    for count, (name, sample) in enumerate(samples, 1):
        if "boxes" not in sample or "labels" not in sample:
            raise InputError(f"{name}: has no labelled boxes to measure on.")
        size = sample["image"].shape[:2]
        found = predict(sample["image"])
        if count == 1:
            kinds += [
                kind
                for kind, key in (("segm", "masks"), ("keypoints", "keypoints"))
                if key in found and key in sample and sample[key].ndim == 3
            ]
        truths = truths_of(name, sample, len(class_names), masks="segm" in kinds)
        kept = detections_of(name, found, len(class_names), size, masks="segm" in kinds)
        coco.add(truths, kept, size)
        voc.add(truths, kept)
        if progress:
            progress(count)
    if not count:
        raise InputError("there is no image to measure on.")
    result = {**coco.numbers(), **voc.numbers()}
    for kind in kinds[1:]:
        result |= {f"{_PREFIXES[kind]}{key}": v for key, v in coco.numbers(kind).items()}
    return {**result, "images": count}
