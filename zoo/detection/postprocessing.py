"""The last step of every detector: score threshold, non-maximum suppression, padding."""

from __future__ import annotations

import dataclasses
import math
from typing import Any

from keras import ops

from zoo.boxes.box_formats import clip
from zoo.inference.image_transform import ImageTransform
from zoo.inference.thresholds import current_thresholds
from zoo.layers.nms import batched_nms

# In pixels of the model input; clipping leaves degenerate boxes of those outside the image.
SMALLEST_SIDE = 0.01


@dataclasses.dataclass(frozen=True)
class Selection:
    """Settings of the final selection of detections.

    Attributes:
        score_threshold: minimum score of a detection, in [0, 1].
        nms_iou: IoU threshold of the non-maximum suppression, in [0, 1].
        max_detections: detections per image; results are padded to this number.
        class_agnostic: whether boxes suppress boxes of other classes too.
        candidates: number of boxes with the highest scores that enter the suppression.
    """

    score_threshold: float = 0.05
    nms_iou: float = 0.5
    max_detections: int = 100
    class_agnostic: bool = False
    candidates: int = 1000


def select_by_class(
    boxes, scores, transform: ImageTransform, selection: Selection
) -> dict[str, Any]:
    """Selects detections, in image pixels, among boxes (B, R, 4) with a score per class (B, R, K).

    IoUs are of whole boxes, parts outside of the image included, as in the authors' code of YOLO;
    these parts are cut off at one image width and height from the border.
    """
    boxes, visible = _limited(boxes, transform)
    scores = ops.where(visible[..., None], scores, -math.inf)
    classes = scores.shape[-1]
    rows = ops.shape(scores)[1] * classes
    each = ops.broadcast_to(boxes[:, :, None], (*ops.shape(scores), 4))
    predictions = select(
        ops.reshape(each, (-1, rows, 4)),
        ops.reshape(scores, (-1, rows)),
        classes=classes,
        selection=selection,
    )
    return {**predictions, "boxes": transform.restore_boxes(predictions["boxes"])}


def select_labeled(
    boxes, labels, scores, transform: ImageTransform, selection: Selection
) -> dict[str, Any]:
    """Selects detections as `select_by_class`, among boxes with one label and score (B, R) each."""
    boxes, visible = _limited(boxes, transform)
    scores, index = ops.top_k(
        ops.where(visible, scores, -math.inf), min(selection.candidates, scores.shape[1])
    )
    predictions = _suppress(
        ops.take_along_axis(boxes, index[..., None], axis=1),
        scores,
        ops.take_along_axis(labels, ops.cast(index, "int32"), axis=1),
        selection,
    )
    return {**predictions, "boxes": transform.restore_boxes(predictions["boxes"])}


def select(boxes, scores, *, classes: int, selection: Selection) -> dict[str, Any]:
    """Selects detections among boxes (B, R·classes, 4) of one class each, classes running fastest.

    Boxes are clipped to the image; those with a side below a hundredth of a pixel are left out, as
    are scores (B, R·classes) of −inf. Returns, in order of score, `boxes` (B, D, 4), `labels`
    (B, D) with −1 as padding, `scores` (B, D) and `num_detections` (B,).
    """
    sides = boxes[..., 2:] - boxes[..., :2]
    scores = ops.where(ops.all(sides >= SMALLEST_SIDE, axis=-1), scores, -math.inf)
    # The number of boxes is unknown until run time where images are of any size.
    least = min if scores.shape[1] is not None else ops.minimum
    best, index = ops.top_k(scores, least(selection.candidates, ops.shape(scores)[1]))
    boxes = ops.take_along_axis(boxes, index[..., None], axis=1)
    return _suppress(boxes, best, ops.cast(index, "int32") % classes, selection)


def _limited(boxes, transform: ImageTransform) -> tuple[Any, Any]:
    """Boxes (B, R, 4) cut off at one image size from the border, and which are visible (B, R)."""
    height, width = transform.resized_height, transform.resized_width
    inside = clip(boxes, height, width)
    visible = ops.all(inside[..., 2:] - inside[..., :2] >= SMALLEST_SIDE, axis=-1)
    limits = ops.cast(ops.stack([width, height, width, height]), boxes.dtype)
    return ops.minimum(ops.maximum(boxes, -limits), 2 * limits), visible


def _suppress(boxes, scores, labels, selection: Selection) -> dict[str, Any]:
    """Detections left of boxes (B, R, 4) with scores and labels (B, R), in order of score."""
    rule = current_thresholds(
        nms_iou=selection.nms_iou,
        score_threshold=selection.score_threshold,
        class_agnostic=selection.class_agnostic,
    )
    agnostic = rule["class_agnostic"]
    if isinstance(agnostic, bool):
        group = ops.zeros_like(labels) if agnostic else labels
    else:
        group = ops.where(agnostic, 0, labels)
    index, valid = batched_nms(
        boxes,
        scores,
        group,
        max_outputs=selection.max_detections,
        iou_threshold=rule["nms_iou"],
        score_threshold=rule["score_threshold"],
    )
    boxes = ops.take_along_axis(boxes, index[..., None], axis=1)
    return {
        "boxes": ops.where(valid[..., None], boxes, 0.0),
        "labels": ops.where(valid, ops.take_along_axis(labels, index, axis=1), -1),
        "scores": ops.where(valid, ops.take_along_axis(scores, index, axis=1), 0.0),
        "num_detections": ops.sum(ops.cast(valid, "int32"), axis=1),
    }
