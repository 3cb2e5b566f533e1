"""The mask branch of Mask R-CNN (He et al., ICCV 2017)."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

import keras
from keras import layers, ops

from zoo.detection.two_stage.roi_pooling import RoiPooler
from zoo.layers.box_masks import crop_masks, paste_masks
from zoo.losses.detection_losses import mean_where, sigmoid_cross_entropy
from zoo.tasks.sample_schema import IGNORE

FINE = 4
"""Cells per side of a predicted mask for each cell of the head's mask, without pasting."""


@dataclasses.dataclass(frozen=True)
class MaskBranch:
    """Predicts a mask per class, of which the one of the RoI's class is trained and used.

    The head maps pooled maps (N, size, size, C) to logits (N, m, m, K + 1), background first.
    Predictions are uint8, 0 or 1 from the probability `threshold` on: with `paste` masks of the
    image (B, D, H, W), else of each box (B, D, 4m, 4m).
    """

    pooler: RoiPooler
    head: keras.Model
    paste: bool = True
    threshold: float = 0.5
    name: str = "mask"

    def loss(self, maps, sample, truth: Mapping[str, Any], training: bool) -> Any:
        """Computes the mean sigmoid cross-entropy of the positive RoIs' masks.

        RoIs of objects without outline are left out; without any other the loss is 0.
        """
        logits = self._class_logits(maps, sample["boxes"], sample["classes"], training)
        matched = sample["matched"]
        boxes = ops.take_along_axis(truth["boxes"], matched[..., None], axis=1)
        masks = ops.take_along_axis(truth["masks"], matched[..., None, None], axis=1)
        targets = crop_masks(masks, boxes, sample["boxes"], logits.shape[-1]) >= 0.5
        per_region = ops.mean(sigmoid_cross_entropy(logits, targets), axis=(-2, -1))
        outlined = ops.any(ops.not_equal(masks, IGNORE), axis=(-2, -1))
        return mean_where(per_region, ops.logical_and(sample["positive"], outlined))

    def postprocess(self, maps, detections: dict[str, Any], transform) -> dict[str, Any]:
        """Returns the `masks` of detections."""
        boxes, labels = detections["boxes"], detections["labels"]
        logits = self._class_logits(maps, boxes, ops.maximum(labels, 0) + 1, training=False)
        probabilities = ops.sigmoid(logits)
        if self.paste:
            boxes = transform.restore_boxes(boxes)
            probabilities = paste_masks(probabilities, boxes, transform.height, transform.width)
        else:
            unit = ops.broadcast_to(ops.array([0.0, 0.0, 1.0, 1.0]), ops.shape(boxes))
            probabilities = crop_masks(probabilities, unit, unit, FINE * probabilities.shape[-1])
        valid = (labels >= 0)[..., None, None]
        masks = ops.logical_and(probabilities >= self.threshold, valid)
        return {"masks": ops.cast(masks, "uint8")}

    def _class_logits(self, maps, boxes, classes, training: bool):
        """Logits (B, R, m, m) of one class per RoI."""
        logits = self.head(self.pooler(maps, boxes), training=training)
        side, count = logits.shape[1], logits.shape[-1]
        logits = ops.reshape(ops.cast(logits, "float32"), (-1, boxes.shape[1], side, side, count))
        index = classes[..., None, None, None]
        chosen = ops.broadcast_to(index, (*ops.shape(logits)[:-1], 1))
        return ops.take_along_axis(logits, chosen, axis=-1)[..., 0]


def mask_branch(
    maps: Mapping[int, Any],
    num_classes: int,
    filters: int,
    *,
    paste: bool,
    trunk: keras.Model | None = None,
) -> MaskBranch:
    """Builds the mask branch on ResNet's last stage, `trunk` (C4), or on four 3×3 convolutions."""
    pooler = RoiPooler(14 if trunk is None else 7)
    region = keras.Input((pooler.size, pooler.size, maps[min(maps)].shape[-1]), name="region")
    x = stacked_convolutions(region, filters, 4) if trunk is None else trunk(region)
    x = layers.Conv2DTranspose(
        filters, 2, strides=2, activation="relu", kernel_initializer="he_normal", name="up"
    )(x)
    x = layers.Conv2D(num_classes + 1, 1, name="logits")(x)
    x = layers.Activation("linear", dtype="float32", name="float_logits")(x)
    return MaskBranch(pooler, keras.Model(region, x, name="mask_head"), paste)


def stacked_convolutions(x, filters: int, count: int):
    """Adds `count` 3×3 convolutions `conv1`, `conv2`, …"""
    for number in range(1, count + 1):
        x = layers.Conv2D(
            filters, 3, padding="same", activation="relu", kernel_initializer="he_normal",
            name=f"conv{number}",
        )(x)  # fmt: skip
    return x
