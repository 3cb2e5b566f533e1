"""The keypoint branch of Mask R-CNN (He et al., ICCV 2017): one-hot masks of keypoints."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

import keras
from keras import layers, ops

from zoo.detection.two_stage.roi_pooling import RoiPooler
from zoo.instances.mask_branch import stacked_convolutions
from zoo.layers.argmax import argmax_channel
from zoo.losses.detection_losses import mean_where, softmax_cross_entropy


@dataclasses.dataclass(frozen=True)
class KeypointBranch:
    """Predicts a heat map per keypoint over the RoI, with a softmax over its cells.

    The head maps pooled maps (N, size, size, C) to logits (N, m, m, K).
    """

    pooler: RoiPooler
    head: keras.Model
    name: str = "keypoints"

    def loss(self, maps, sample, truth: Mapping[str, Any], training: bool) -> Any:
        """Computes the mean cross-entropy of the labeled keypoints inside of positive RoIs."""
        logits = self._heat_maps(maps, sample["boxes"], training)
        side = logits.shape[-1]
        points = ops.cast(truth["keypoints"], "float32")
        points = ops.take_along_axis(points, sample["matched"][..., None, None], axis=1)
        boxes = sample["boxes"][:, :, None]
        sides = ops.maximum(boxes[..., 2:] - boxes[..., :2], 1e-6)
        position = (points[..., :2] - boxes[..., :2]) / sides
        inside = ops.all(ops.logical_and(position >= 0, position <= 1), axis=-1)
        valid = ops.logical_and(inside, points[..., 2] > 0)
        valid = ops.logical_and(valid, sample["positive"][..., None])
        # The far edge of the RoI belongs to its last cell.
        cell = ops.clip(ops.cast(ops.floor(position * side), "int32"), 0, side - 1)
        target = cell[..., 1] * side + cell[..., 0]
        flat = ops.reshape(logits, (-1, *logits.shape[1:3], side * side))
        return mean_where(softmax_cross_entropy(flat, target), valid)

    def postprocess(self, maps, detections: dict[str, Any], transform) -> dict[str, Any]:
        """Returns `keypoints` (B, D, K, 3): x, y in pixels of the image, and a score in [0, 1]."""
        logits = self._heat_maps(maps, detections["boxes"], training=False)
        side = logits.shape[-1]
        flat = ops.reshape(logits, (-1, *logits.shape[1:3], side * side))
        best = argmax_channel(flat)
        score = ops.max(ops.softmax(flat, axis=-1), axis=-1)
        cells = ops.stack([best % side, best // side], axis=-1)
        position = (ops.cast(cells, "float32") + 0.5) / side
        boxes = detections["boxes"][:, :, None]
        points = boxes[..., :2] + position * (boxes[..., 2:] - boxes[..., :2])
        points = ops.concatenate([transform.restore_points(points), score[..., None]], axis=-1)
        valid = (detections["labels"] >= 0)[..., None, None]
        return {"keypoints": ops.where(valid, points, 0.0)}

    def _heat_maps(self, maps, boxes, training: bool):
        """Logits (B, R, K, m, m)."""
        logits = ops.cast(self.head(self.pooler(maps, boxes), training=training), "float32")
        logits = ops.reshape(logits, (-1, boxes.shape[1], *logits.shape[1:]))
        return ops.transpose(logits, (0, 1, 4, 2, 3))


def keypoint_branch(
    maps: Mapping[int, Any], num_keypoints: int, *, filters: int, convolutions: int
) -> KeypointBranch:
    """Builds the keypoint branch: 3×3 convolutions, a 4×4 transposed one, bilinear doubling."""
    pooler = RoiPooler(14)
    region = keras.Input((pooler.size, pooler.size, maps[min(maps)].shape[-1]), name="region")
    x = stacked_convolutions(region, filters, convolutions)
    x = layers.Conv2DTranspose(num_keypoints, 4, strides=2, padding="same", name="up")(x)
    x = layers.UpSampling2D(2, interpolation="bilinear", name="double")(x)
    x = layers.Activation("linear", dtype="float32", name="float_logits")(x)
    return KeypointBranch(pooler, keras.Model(region, x, name="keypoints_head"))
