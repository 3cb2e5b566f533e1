"""The keypoint branch of Mask R-CNN (He et al., ICCV 2017): one hot cell a joint."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

import keras
from keras import ops

from zoo.detection.two_stage.roi_heads import Pooler
from zoo.layers.argmax import argmax_channel
from zoo.losses.detection_losses import mean_where, softmax_cross_entropy


@dataclasses.dataclass(frozen=True)
class KeypointBranch:
    """A heat map a joint over the region; its softmax says in which cell the joint is.

    Attributes:
        pooler: of the maps.
        head: from maps (N, size, size, C) to logits (N, m, m, K).
    """

    pooler: Pooler
    head: keras.Model
    name: str = "keypoints"

    def loss(self, maps, sample, truth: Mapping[str, Any], training: bool) -> Any:
        """Mean cross-entropy over the labelled joints that lie in their positive region."""
        logits = self._maps(maps, sample["boxes"], training)
        side = logits.shape[-1]
        points = ops.cast(truth["keypoints"], "float32")
        points = ops.take_along_axis(points, sample["truth"][..., None, None], axis=1)
        boxes = sample["boxes"][:, :, None]
        where = (points[..., :2] - boxes[..., :2]) / ops.maximum(
            boxes[..., 2:] - boxes[..., :2], 1e-6
        )
        inside = ops.all(ops.logical_and(where >= 0, where <= 1), axis=-1)
        counts = ops.logical_and(inside, points[..., 2] > 0)
        counts = ops.logical_and(counts, sample["positive"][..., None])
        # The region's own far edge belongs to its last cell.
        cell = ops.clip(ops.cast(ops.floor(where * side), "int32"), 0, side - 1)
        target = cell[..., 1] * side + cell[..., 0]
        flat = ops.reshape(logits, (-1, *logits.shape[1:3], side * side))
        return mean_where(softmax_cross_entropy(flat, target), counts)

    def postprocess(self, maps, found: dict[str, Any], transform) -> dict[str, Any]:
        """`keypoints` (B, D, K, 3): x, y in pixels of the image, and a score in 0…1."""
        logits = self._maps(maps, found["boxes"], training=False)
        side = logits.shape[-1]
        flat = ops.reshape(logits, (-1, *logits.shape[1:3], side * side))
        best = argmax_channel(flat)
        score = ops.max(ops.softmax(flat, axis=-1), axis=-1)
        cells = ops.stack([best % side, best // side], axis=-1)
        where = (ops.cast(cells, "float32") + 0.5) / side
        boxes = found["boxes"][:, :, None]
        points = boxes[..., :2] + where * (boxes[..., 2:] - boxes[..., :2])
        points = ops.concatenate([transform.restore_points(points), score[..., None]], axis=-1)
        there = (found["labels"] >= 0)[..., None, None]
        return {"keypoints": ops.where(there, points, 0.0)}

    def _maps(self, maps, boxes, training: bool):
        """Logits (B, R, K, m, m)."""
        logits = ops.cast(self.head(self.pooler(maps, boxes), training=training), "float32")
        logits = ops.reshape(logits, (-1, boxes.shape[1], *logits.shape[1:]))
        return ops.transpose(logits, (0, 1, 4, 2, 3))
