"""Soft-NMS: a box that overlaps a better one loses score instead of its life.

Bodla et al., *Soft-NMS*, ICCV 2017.
"""

from __future__ import annotations

import math

from keras import ops

from zoo.boxes.numerics import precise, sound, take_rows
from zoo.boxes.overlap import iou
from zoo.errors import InputError
from zoo.layers.argmax import argmax_channel
from zoo.layers.nms import lay_apart

METHODS = ("linear", "gaussian")


def soft_nms(
    boxes,
    scores,
    max_outputs: int,
    labels=None,
    method: str = "gaussian",
    sigma: float = 0.5,
    iou_threshold: float = 0.3,
    score_threshold: float = 0.001,
):
    """Takes the best box and lowers the scores of those that overlap it, again and again.

    Args:
        boxes: (B, N, 4) xyxy; one with a NaN or infinite coordinate is never kept.
        scores: (B, N), 0…1.
        max_outputs: most boxes to keep an image, and the number of steps.
        labels: (B, N) int from 0 on, −1 = padding: only boxes of one label lower each other.
        method: `"linear"`, factor 1 − IoU where the IoU is above the threshold, or `"gaussian"`,
            factor exp(−IoU² / sigma).
        sigma: of the Gaussian.
        iou_threshold: of the linear form.
        score_threshold: boxes whose score falls to it or below are dropped.

    Returns:
        Indices (B, max_outputs) int32, 0 behind the last; valid (B, max_outputs) bool; and the
        lowered scores (B, max_outputs), falling, 0 behind the last.

    Raises:
        InputError: an unknown method, `max_outputs` below 1 or `sigma` not above 0.
    """
    if method not in METHODS or max_outputs < 1 or sigma <= 0:
        raise InputError(
            f"Soft-NMS is {' or '.join(METHODS)}, keeps at least 1 box and has a sigma above 0, "
            f"not {method!r}, {max_outputs} and {sigma}."
        )
    boxes, scores = ops.stop_gradient(precise(boxes)), ops.stop_gradient(precise(scores))
    there = ops.logical_and(sound(boxes), scores > score_threshold)
    if labels is not None:
        labels = ops.cast(labels, "int32")
        there = ops.logical_and(there, labels >= 0)
        boxes = lay_apart(boxes, labels)
    line = ops.expand_dims(ops.arange(ops.shape(boxes)[1], dtype="int32"), 0)
    slots = ops.expand_dims(ops.arange(max_outputs, dtype="int32"), 0)

    def pick(step, left, index, value):
        best = ops.expand_dims(argmax_channel(left), 1)
        top = ops.max(left, axis=1, keepdims=True)
        overlap = iou(boxes, take_rows(boxes, best))[..., 0]
        if method == "gaussian":
            factor = ops.exp(-ops.square(overlap) / sigma)
        else:
            factor = ops.where(overlap > iou_threshold, 1.0 - overlap, 1.0)
        lowered = ops.where(left > score_threshold, left * factor, left)
        lowered = ops.where(lowered > score_threshold, lowered, -math.inf)
        left = ops.where(line == best, -math.inf, lowered)
        now = ops.equal(slots, step)
        return step + 1, left, ops.where(now, best, index), ops.where(now, top, value)

    left = ops.where(there, scores, -math.inf)
    index = ops.zeros_like(slots + ops.cast(left[:, :1], "int32") * 0)
    start = (ops.zeros((), "int32"), left, index, ops.cast(index, left.dtype))
    _, _, index, value = ops.while_loop(lambda step, *_: ops.less(step, max_outputs), pick, start)
    valid = value > score_threshold
    return ops.where(valid, index, 0), valid, ops.where(valid, value, 0.0)
