"""Objects of an image, as the labels and as the answers have them, without padding."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

import numpy as np
from faster_coco_eval import mask as runs

from training.drawing import paste_mask
from zoo.errors import InputError


@dataclasses.dataclass(frozen=True)
class Truths:
    """The labelled objects of an image.

    Attributes:
        boxes: (N, 4) float64 xyxy in pixels.
        labels: (N,) classes from 0.
        crowd, difficult: (N,) bool.
        areas: (N,) in pixels: of the mask where there are masks, as COCO counts, else of the box.
        masks: run-length encoded masks of the image, or None.
        keypoints: (N, K, 3) float64 x, y, visibility 0, 1 or 2, or None.
    """

    boxes: np.ndarray
    labels: np.ndarray
    crowd: np.ndarray
    difficult: np.ndarray
    areas: np.ndarray
    masks: list[dict[str, Any]] | None
    keypoints: np.ndarray | None


@dataclasses.dataclass(frozen=True)
class Detections:
    """The objects that an image's answer has.

    Attributes:
        boxes: (D, 4) float64 xyxy in pixels.
        labels: (D,) classes from 0.
        scores: (D,) float64.
        masks: run-length encoded masks of the image, or None.
        keypoints: (D, K, 3) float64 x, y, score, or None.
    """

    boxes: np.ndarray
    labels: np.ndarray
    scores: np.ndarray
    masks: list[dict[str, Any]] | None
    keypoints: np.ndarray | None


def truths_of(
    name: str, sample: Mapping[str, np.ndarray], classes: int, masks: bool = False
) -> Truths:
    """The labels of a sample; `masks` says whether its masks are wanted.

    Raises:
        InputError: a label beyond the classes.
    """
    labels = np.asarray(sample["labels"]).astype(int)
    there = labels >= 0
    labels = labels[there]
    if labels.max(initial=-1) >= classes:
        raise InputError(
            f"{name}: object class {labels.max()}, but classes go from 0 to {classes - 1}."
        )
    boxes = np.asarray(sample["boxes"], np.float64)[there]
    areas = np.prod(np.maximum(boxes[:, 2:] - boxes[:, :2], 0.0), axis=1)
    encoded = None
    if "masks" in sample:
        framed = np.asarray(sample["masks"])[there]
        areas = areas * (framed > 0).mean((1, 2))
        encoded = encode_masks(framed, boxes, sample["image"].shape[:2]) if masks else None
    crowd, difficult = (
        np.asarray(sample[key], bool)[there] if key in sample else np.zeros(len(labels), bool)
        for key in ("crowd", "difficult")
    )
    keypoints = _rows(sample, "keypoints", there)
    return Truths(boxes, labels, crowd, difficult, areas, encoded, keypoints)


def detections_of(
    name: str,
    prediction: Mapping[str, Any],
    classes: int,
    size: tuple[int, int],
    masks: bool = False,
) -> Detections:
    """The objects of an answer; `masks` says whether its masks are wanted.

    Args:
        name: of the image.
        answer: `boxes` (D, 4), `labels` (D,), `scores` (D,), perhaps `num_detections`, `masks` and
            `keypoints` (D, K, 3). Rows with label −1 and from `num_detections` on are padding.
        classes: how many there are.
        size: height and width of the image. Masks (D, height, width) are masks of the image,
            others (D, M, M) are those of the boxes.
        masks: whether they are wanted.

    Raises:
        InputError: a label beyond the classes.
        ValueError: a box or a score that is not a number.
    """
    there = rows_of(prediction)
    labels = np.asarray(prediction["labels"]).astype(int)[there]
    if labels.max(initial=-1) >= classes:
        raise InputError(
            f"{name}: the answer has class {labels.max()}, but the data set only {classes} "
            "classes; measure on data with the classes that the model was trained on."
        )
    boxes = np.asarray(prediction["boxes"], np.float64)[there]
    scores = np.asarray(prediction["scores"], np.float64)[there]
    if not (np.isfinite(boxes).all() and np.isfinite(scores).all()):
        raise ValueError(f"{name}: the answer has boxes or scores that are not numbers.")
    encoded = None
    if masks:
        encoded = encode_masks(np.asarray(prediction["masks"])[there], boxes, size)
    return Detections(boxes, labels, scores, encoded, _rows(prediction, "keypoints", there))


def rows_of(prediction: Mapping[str, Any]) -> np.ndarray:
    """(D,) bool: the rows of an answer that are objects, not padding."""
    labels = np.asarray(prediction["labels"])
    count = int(prediction.get("num_detections", len(labels)))
    return (labels >= 0) & (np.arange(len(labels)) < count)


def encode_masks(
    masks: np.ndarray, boxes: np.ndarray, size: tuple[int, int]
) -> list[dict[str, Any]]:
    """Run-length encoded masks of the image, in COCO's compressed form.

    Args:
        masks: (N, height, width) of the image or (N, M, M) in the frames of the boxes; whole
            numbers (0 is out) or probabilities, from one half on in.
        boxes: (N, 4) xyxy in pixels.
        size: height and width of the image.
    """
    return [
        runs.encode(np.asfortranarray(mask, np.uint8)) for mask in full_masks(masks, boxes, size)
    ]


def full_masks(masks: np.ndarray, boxes: np.ndarray, size: tuple[int, int]):
    """One after another, each of `encode_masks`' masks as (height, width) bool."""
    for mask, box in zip(masks, boxes, strict=True):
        if mask.shape != tuple(size):
            yield paste_mask(mask, box, *size)
        else:
            yield mask >= 0.5 if mask.dtype.kind == "f" else mask > 0


def _rows(values: Mapping[str, Any], key: str, there: np.ndarray) -> np.ndarray | None:
    if key not in values or np.ndim(values[key]) != 3:
        return None
    return np.asarray(values[key], np.float64)[there]
