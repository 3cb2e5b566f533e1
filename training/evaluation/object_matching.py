"""Objects of an image, of the labels and of the predictions, without padding."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

import numpy as np
from faster_coco_eval import mask as rle

from training.drawing import has_outline, paste_mask
from zoo.errors import InputError


@dataclasses.dataclass(frozen=True)
class Truths:
    """The labeled objects of an image."""

    boxes: np.ndarray  # (N, 4) float64 xyxy in pixels
    labels: np.ndarray  # (N,) classes from 0
    crowd: np.ndarray  # (N,) bool
    difficult: np.ndarray  # (N,) bool
    areas: np.ndarray  # (N,) in pixels², as labeled, else of the mask, else of the box
    masks: list[dict[str, Any]] | None  # run-length encoded masks of the image, or whole boxes
    keypoints: np.ndarray | None  # (N, K, 3) float64 x, y, visibility 0, 1 or 2
    outlined: np.ndarray  # (N,) bool, whether the mask is that of an outline


@dataclasses.dataclass(frozen=True)
class Detections:
    """The predicted objects of an image."""

    boxes: np.ndarray  # (D, 4) float64 xyxy in pixels
    labels: np.ndarray  # (D,) classes from 0
    scores: np.ndarray  # (D,) float64
    masks: list[dict[str, Any]] | None  # run-length encoded masks of the image
    keypoints: np.ndarray | None  # (D, K, 3) float64 x, y, score


def truths_of(
    name: str, sample: Mapping[str, np.ndarray], classes: int, masks: bool = False
) -> Truths:
    """Returns the labeled objects of a sample; `masks` is whether to encode the masks."""
    labels = np.asarray(sample["labels"]).astype(int)
    valid = labels >= 0
    labels = labels[valid]
    if labels.max(initial=-1) >= classes:
        raise InputError(
            f"{name}: labels must be classes from 0 to {classes - 1}, not {labels.max()}; correct "
            "them."
        )
    boxes = np.asarray(sample["boxes"], np.float64)[valid]
    areas = np.prod(np.maximum(boxes[:, 2:] - boxes[:, :2], 0.0), axis=1)
    encoded, outlined = None, np.zeros(len(labels), bool)
    if "masks" in sample:
        box_masks = np.asarray(sample["masks"])[valid]
        outlined = has_outline(box_masks)
        areas = areas * (box_masks > 0).mean((1, 2))
        encoded = encode_masks(box_masks, boxes, sample["image"].shape[:2]) if masks else None
    if "areas" in sample:
        stated = np.asarray(sample["areas"], np.float64)[valid]
        areas = np.where(stated > 0, stated, areas)
    crowd, difficult = (
        np.asarray(sample[key], bool)[valid] if key in sample else np.zeros(len(labels), bool)
        for key in ("crowd", "difficult")
    )
    keypoints = _rows(sample, "keypoints", valid)
    return Truths(boxes, labels, crowd, difficult, areas, encoded, keypoints, outlined)


def detections_of(
    name: str,
    prediction: Mapping[str, Any],
    classes: int,
    size: tuple[int, int],
    masks: bool = False,
) -> Detections:
    """Returns the predicted objects of an image of `size` (height, width).

    Rows with label −1 and from `num_detections` on are padding. Masks (D, height, width) are masks
    of the image, others (D, M, M) are relative to the boxes; `masks` is whether to encode them.
    """
    valid = rows_of(prediction)
    labels = np.asarray(prediction["labels"]).astype(int)[valid]
    if labels.max(initial=-1) >= classes:
        raise InputError(
            f"{name}: the predicted class is {labels.max()}, but the data set has {classes} "
            "classes; evaluate on data with the classes of the model."
        )
    boxes = np.asarray(prediction["boxes"], np.float64)[valid]
    scores = np.asarray(prediction["scores"], np.float64)[valid]
    if not (np.isfinite(boxes).all() and np.isfinite(scores).all()):
        numbers = np.concatenate([boxes.ravel(), scores])
        wrong = numbers[~np.isfinite(numbers)][0]
        raise ValueError(f"{name}: predicted boxes and scores must be finite, not {wrong}.")
    encoded = None
    if masks:
        encoded = encode_masks(np.asarray(prediction["masks"])[valid], boxes, size)
    return Detections(boxes, labels, scores, encoded, _rows(prediction, "keypoints", valid))


def rows_of(prediction: Mapping[str, Any]) -> np.ndarray:
    """Returns which rows (D,) of a prediction are objects, not padding."""
    labels = np.asarray(prediction["labels"])
    count = int(prediction.get("num_detections", len(labels)))
    return (labels >= 0) & (np.arange(len(labels)) < count)


def encode_masks(
    masks: np.ndarray, boxes: np.ndarray, size: tuple[int, int]
) -> list[dict[str, Any]]:
    """Returns run-length encoded masks of an image of `size`, in COCO's compressed format.

    Masks are (N, height, width) of the image or (N, M, M) relative to the boxes (N, 4); integers (0
    is outside) or probabilities (0.5 and more is inside).
    """
    return [
        rle.encode(np.asfortranarray(mask, np.uint8)) for mask in full_masks(masks, boxes, size)
    ]


def full_masks(masks: np.ndarray, boxes: np.ndarray, size: tuple[int, int]):
    """Yields the masks as (height, width) bool; arguments as of `encode_masks`."""
    for mask, box in zip(masks, boxes, strict=True):
        if mask.shape != tuple(size):
            yield paste_mask(mask, box, *size)
        else:
            yield mask >= 0.5 if mask.dtype.kind == "f" else mask > 0


def _rows(values: Mapping[str, Any], key: str, valid: np.ndarray) -> np.ndarray | None:
    if key not in values or np.ndim(values[key]) != 3:
        return None
    return np.asarray(values[key], np.float64)[valid]
