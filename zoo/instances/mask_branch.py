"""The mask branch of Mask R-CNN (He et al., ICCV 2017)."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

import keras
from keras import ops

from zoo.detection.two_stage.roi_heads import Pooler
from zoo.layers.box_masks import crop_masks, paste_masks
from zoo.losses.detection_losses import mean_where, sigmoid_cross_entropy

FINE = 4
"""Cells of a box-frame answer for each cell of the head's mask, a side."""


@dataclasses.dataclass(frozen=True)
class MaskBranch:
    """A mask for each class; only that of the region's own class learns, and only it is answered.

    Attributes:
        pooler: of the maps.
        head: from maps (N, size, size, C) to logits (N, m, m, K + 1), the background's first.
        paste: whether answers are masks of the image (B, D, H, W), or of each box's own frame
            (B, D, 4m, 4m); uint8, 0 or 1.
        threshold: probability from which a pixel belongs to the object.
    """

    pooler: Pooler
    head: keras.Model
    paste: bool = True
    threshold: float = 0.5
    name: str = "mask"

    def loss(self, maps, sample, truth: Mapping[str, Any], training: bool) -> Any:
        """Mean sigmoid cross-entropy on the masks of the positive regions' own classes."""
        logits = self._of_classes(maps, sample["boxes"], sample["classes"], training)
        row = sample["truth"]
        boxes = ops.take_along_axis(truth["boxes"], row[..., None], axis=1)
        masks = ops.take_along_axis(truth["masks"], row[..., None, None], axis=1)
        target = crop_masks(masks, boxes, sample["boxes"], logits.shape[-1]) >= 0.5
        per_region = ops.mean(sigmoid_cross_entropy(logits, target), axis=(-2, -1))
        return mean_where(per_region, sample["positive"])

    def postprocess(self, maps, found: dict[str, Any], transform) -> dict[str, Any]:
        """`masks` of the detections."""
        classes = ops.maximum(found["labels"], 0) + 1
        likely = ops.sigmoid(self._of_classes(maps, found["boxes"], classes, training=False))
        there = (found["labels"] >= 0)[..., None, None]
        if self.paste:
            boxes = transform.restore_boxes(found["boxes"])
            likely = paste_masks(likely, boxes, transform.height, transform.width)
        else:
            unit = ops.broadcast_to(ops.array([0.0, 0.0, 1.0, 1.0]), ops.shape(found["boxes"]))
            likely = crop_masks(likely, unit, unit, FINE * likely.shape[-1])
        chosen = ops.logical_and(likely >= self.threshold, there)
        return {"masks": ops.cast(chosen, "uint8")}

    def _of_classes(self, maps, boxes, classes, training: bool):
        """Logits (B, R, m, m) of one class each."""
        logits = self.head(self.pooler(maps, boxes), training=training)
        side, count = logits.shape[1], logits.shape[-1]
        logits = ops.reshape(ops.cast(logits, "float32"), (-1, boxes.shape[1], side, side, count))
        index = classes[..., None, None, None]
        chosen = ops.broadcast_to(index, (*ops.shape(logits)[:-1], 1))
        return ops.take_along_axis(logits, chosen, axis=-1)[..., 0]
