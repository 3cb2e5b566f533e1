"""Multi-task loss of the sampled RoIs (Girshick, *Fast R-CNN*, ICCV 2015, section 2.3)."""

from __future__ import annotations

from typing import Any

from keras import ops

from zoo.boxes.coder import encode
from zoo.detection.ground_truth import Tensors
from zoo.losses.detection_losses import mean_where, smooth_l1, softmax_cross_entropy


def fast_rcnn_loss(
    logits,
    deltas,
    sample: Tensors,
    truth: Tensors,
    *,
    weights: tuple[float, float, float, float],
    beta: float,
) -> tuple[Any, Any]:
    """Computes the class loss and the box loss of the sampled RoIs of a batch.

    Args:
        logits: class logits (B, S, K + 1), background first.
        deltas: box deltas (B, S, K + 1, 4) per class.
        sample: sampled RoIs, as `RoiSampling` returns them.
        truth: ground truth, as `mark_valid` returns it.
        weights: factors of the four deltas, see `zoo.boxes.coder`.
        beta: transition point of the smooth L1 loss.

    Returns:
        Two scalars, each divided by the number of sampled RoIs.
    """
    sampled = sample["sampled"]
    class_loss = mean_where(softmax_cross_entropy(logits, sample["classes"]), sampled)
    boxes = ops.take_along_axis(truth["boxes"], sample["matched"][..., None], axis=1)
    targets = encode(boxes, sample["boxes"], weights)
    assigned = ops.take_along_axis(deltas, sample["classes"][..., None, None], axis=2)[:, :, 0]
    distance = ops.sum(smooth_l1(assigned - targets, beta), axis=-1)
    distance = ops.sum(ops.where(sample["positive"], distance, 0.0))
    count = ops.maximum(ops.sum(ops.cast(sampled, "float32")), 1.0)
    return class_loss, distance / count
