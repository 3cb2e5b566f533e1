"""The last step of every detector: the best boxes, none of them twice."""

from __future__ import annotations

import math
from typing import Any, Protocol

from keras import ops

from zoo.boxes.formats import clip
from zoo.inference.image_transform import ImageTransform
from zoo.inference.thresholds import in_force
from zoo.layers.nms import batched_nms

# In pixels of the canvas; clipping leaves lines of boxes that lay beside the image.
SMALLEST_SIDE = 0.01


class Selecting(Protocol):
    """Settings of the last step."""

    @property
    def candidates(self) -> int: ...

    @property
    def detections(self) -> int: ...

    @property
    def nms_iou(self) -> float: ...

    @property
    def score_threshold(self) -> float: ...

    @property
    def class_agnostic(self) -> bool: ...


def select_by_class(
    boxes, scores, transform: ImageTransform, settings: Selecting
) -> dict[str, Any]:
    """`select` for boxes each of which may be of any class, in pixels of the image.

    Boxes overlap as a whole, whatever of them lies beyond the border, as in the authors' code; but
    no more of that counts than the image is wide and high.

    Args:
        boxes: (B, R, 4), in pixels of the canvas.
        scores: (B, R, classes).
        frame: where the image lies.
        settings: the arguments of `select` by their names.
    """
    boxes, seen = _whole(boxes, transform)
    scores = ops.where(seen[..., None], scores, -math.inf)
    classes = scores.shape[-1]
    rows = ops.shape(scores)[1] * classes
    each = ops.broadcast_to(boxes[:, :, None], (*ops.shape(scores), 4))
    predictions = select(
        ops.reshape(each, (-1, rows, 4)),
        ops.reshape(scores, (-1, rows)),
        classes=classes,
        candidates=settings.candidates,
        detections=settings.detections,
        nms_iou=settings.nms_iou,
        score_threshold=settings.score_threshold,
        class_agnostic=settings.class_agnostic,
    )
    return {**predictions, "boxes": transform.restore_boxes(predictions["boxes"])}


def select_labelled(
    boxes, labels, scores, transform: ImageTransform, settings: Selecting
) -> dict[str, Any]:
    """`select_by_class` for boxes of one class each: `labels`, `scores` (B, R)."""
    boxes, seen = _whole(boxes, transform)
    scores, index = ops.top_k(
        ops.where(seen, scores, -math.inf), min(settings.candidates, scores.shape[1])
    )
    predictions = _suppressed(
        ops.take_along_axis(boxes, index[..., None], axis=1),
        scores,
        ops.take_along_axis(labels, ops.cast(index, "int32"), axis=1),
        settings.detections,
        settings.nms_iou,
        settings.score_threshold,
        settings.class_agnostic,
    )
    return {**predictions, "boxes": transform.restore_boxes(predictions["boxes"])}


def _whole(boxes, transform: ImageTransform) -> tuple[Any, Any]:
    """Boxes (B, R, 4) with no more beyond the border than the image is wide and high, and which
    of them (B, R) the image shows."""
    height, width = transform.resized_height, transform.resized_width
    inside = clip(boxes, height, width)
    seen = ops.all(inside[..., 2:] - inside[..., :2] >= SMALLEST_SIDE, axis=-1)
    limits = ops.cast(ops.stack([width, height, width, height]), boxes.dtype)
    return ops.minimum(ops.maximum(boxes, -limits), 2 * limits), seen


def select(
    boxes,
    scores,
    *,
    classes: int,
    candidates: int,
    detections: int,
    nms_iou: float,
    score_threshold: float,
    class_agnostic: bool = False,
) -> dict[str, Any]:
    """The best boxes by score, suppressed, padded to a fixed number.

    Args:
        boxes: (B, R·classes, 4), classes running fastest, clipped to the image; those thinner
            than a hundredth of a pixel are left out.
        scores: (B, R·classes); −inf for a box that is none.
        classes: number of classes.
        candidates: boxes that enter the suppression.
        detections: boxes that come out.
        nms_iou, score_threshold: of the suppression.
        class_agnostic: whether boxes suppress those of other classes too.

    Returns:
        `boxes` (B, D, 4), `labels` (B, D) −1 behind the last, `scores` (B, D), `num_detections`.
    """
    sides = boxes[..., 2:] - boxes[..., :2]
    scores = ops.where(ops.all(sides >= SMALLEST_SIDE, axis=-1), scores, -math.inf)
    # Maps of images of any size have a number of boxes that only the image says.
    count = scores.shape[1]
    least = min if count is not None else ops.minimum
    best, index = ops.top_k(scores, least(candidates, ops.shape(scores)[1]))
    boxes = ops.take_along_axis(boxes, index[..., None], axis=1)
    label = ops.cast(index, "int32") % classes
    return _suppressed(boxes, best, label, detections, nms_iou, score_threshold, class_agnostic)


def _suppressed(
    boxes,
    scores,
    labels,
    detections: int,
    nms_iou: float,
    score_threshold: float,
    class_agnostic: bool,
) -> dict[str, Any]:
    """What is left of boxes (B, R, 4), best first."""
    rule = in_force(nms_iou=nms_iou, score_threshold=score_threshold, class_agnostic=class_agnostic)
    blind = rule["class_agnostic"]
    if isinstance(blind, bool):
        group = ops.zeros_like(labels) if blind else labels
    else:
        group = ops.where(blind, 0, labels)
    kept, valid = batched_nms(
        boxes,
        scores,
        group,
        max_outputs=detections,
        iou_threshold=rule["nms_iou"],
        score_threshold=rule["score_threshold"],
    )
    boxes = ops.take_along_axis(boxes, kept[..., None], axis=1)
    return {
        "boxes": ops.where(valid[..., None], boxes, 0.0),
        "labels": ops.where(valid, ops.take_along_axis(labels, kept, axis=1), -1),
        "scores": ops.where(valid, ops.take_along_axis(scores, kept, axis=1), 0.0),
        "num_detections": ops.sum(ops.cast(valid, "int32"), axis=1),
    }
