"""The last step of every detector: the best boxes, none of them twice."""

from __future__ import annotations

from typing import Any

from keras import ops

from zoo.layers.nms import batched_nms


def select(
    boxes,
    scores,
    *,
    classes: int,
    candidates: int,
    detections: int,
    nms_iou: float,
    score_threshold: float,
    class_blind: bool = False,
) -> dict[str, Any]:
    """The best boxes by score, suppressed, padded to a fixed number.

    Args:
        boxes: (B, R·classes, 4), classes running fastest.
        scores: (B, R·classes); −inf for a box that is none.
        classes: number of classes.
        candidates: boxes that enter the suppression.
        detections: boxes that come out.
        nms_iou, score_threshold: of the suppression.
        class_blind: whether boxes suppress those of other classes too.

    Returns:
        `boxes` (B, D, 4), `labels` (B, D) −1 behind the last, `scores` (B, D), `num_detections`.
    """
    best, index = ops.top_k(scores, min(candidates, scores.shape[1]))
    boxes = ops.take_along_axis(boxes, index[..., None], axis=1)
    label = ops.cast(index, "int32") % classes
    kept, valid = batched_nms(
        boxes,
        best,
        ops.zeros_like(label) if class_blind else label,
        max_outputs=detections,
        iou_threshold=nms_iou,
        score_threshold=score_threshold,
    )
    boxes = ops.take_along_axis(boxes, kept[..., None], axis=1)
    return {
        "boxes": ops.where(valid[..., None], boxes, 0.0),
        "labels": ops.where(valid, ops.take_along_axis(label, kept, axis=1), -1),
        "scores": ops.where(valid, ops.take_along_axis(best, kept, axis=1), 0.0),
        "num_detections": ops.sum(ops.cast(valid, "int32"), axis=1),
    }
