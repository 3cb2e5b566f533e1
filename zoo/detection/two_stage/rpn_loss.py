"""Loss of the region proposal network (Ren et al., *Faster R-CNN*, NIPS 2015, section 3.1.2)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from keras import ops

from zoo.boxes.anchors import inside
from zoo.boxes.coder import encode
from zoo.boxes.matcher import Matcher
from zoo.boxes.overlap import iou
from zoo.boxes.sampler import balanced_sample
from zoo.detection.ground_truth import Tensors, on_ignored
from zoo.detection.two_stage.rpn import Maps, RegionProposals
from zoo.losses.detection_losses import mean_where, sigmoid_cross_entropy, smooth_l1


def rpn_loss(
    settings: RegionProposals,
    outputs: Mapping[str, Any],
    maps: Maps,
    truth: Tensors,
    height,
    width,
    seed,
) -> tuple[Any, Any]:
    """Computes the objectness and the box loss of sampled anchors, each divided by their number.

    The outputs are those of `rpn_head` for `maps`; `truth` is as returned by `mark_valid`.
    """
    anchors = ops.concatenate(settings.anchors(maps), 0)
    matched, labels = Matcher(settings.positive_iou, settings.negative_iou)(
        iou(anchors[None], truth["boxes"]),
        truth["valid"],
        ignore=on_ignored(anchors[None], truth),
        candidates=inside(anchors, height, width)[None] if settings.inside_only else None,
    )
    index, sampled = balanced_sample(labels, settings.samples, settings.positive_fraction, seed)
    positive = ops.take_along_axis(labels, index, axis=1) == 1
    objectness = ops.take_along_axis(outputs["objectness"], index, axis=1)
    objectness_loss = mean_where(sigmoid_cross_entropy(objectness, positive), sampled)
    matched = ops.take_along_axis(matched, index, axis=1)
    boxes = ops.take_along_axis(truth["boxes"], matched[..., None], axis=1)
    targets = encode(boxes, ops.take(anchors, index, axis=0))
    deltas = ops.take_along_axis(outputs["rpn_deltas"], index[..., None], axis=1)
    distance = ops.sum(smooth_l1(deltas - targets, settings.beta), axis=-1)
    distance = ops.sum(ops.where(ops.logical_and(sampled, positive), distance, 0.0))
    count = ops.maximum(ops.sum(ops.cast(sampled, "float32")), 1.0)
    return objectness_loss, distance / count
