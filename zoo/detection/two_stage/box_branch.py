"""The box branch of the second stage: classes and refined boxes of RoIs."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from typing import Any

import keras
from keras import ops

from zoo.boxes.box_formats import clip
from zoo.boxes.coder import decode, encode
from zoo.detection.ground_truth import Tensors
from zoo.detection.postprocessing import Selection, select
from zoo.detection.two_stage.roi_pooling import RoiPooler
from zoo.layers.portable import only_portable
from zoo.losses.detection_losses import mean_where, smooth_l1, softmax_cross_entropy


@dataclasses.dataclass(frozen=True)
class BoxBranch:
    """Classifies RoIs and refines their boxes.

    The head maps pooled maps (N, size, size, C) to `[logits (N, K + 1), deltas (N, 4·(K + 1))]`,
    background first; `weights` are the factors of the four deltas, see `zoo.boxes.coder`.
    """

    pooler: RoiPooler
    head: keras.Model
    selection: Selection
    weights: tuple[float, float, float, float] = (10.0, 10.0, 5.0, 5.0)
    beta: float = 1.0

    @property
    def num_classes(self) -> int:
        """Number of classes, K."""
        return self.head.output_shape[0][-1] - 1

    def forward(self, maps: Mapping[int, Any], boxes, training: bool):
        """Returns class logits (B, R, K + 1) and deltas (B, R, K + 1, 4) of RoIs in float32."""
        logits, deltas = self.head(self.pooler(maps, boxes), training=training)
        rois, classes = boxes.shape[1], logits.shape[-1]
        return (
            ops.reshape(ops.cast(logits, "float32"), (-1, rois, classes)),
            ops.reshape(ops.cast(deltas, "float32"), (-1, rois, classes, 4)),
        )

    def losses(self, logits, deltas, sample: Tensors, truth: Tensors) -> tuple[Any, ...]:
        """Computes the class loss and the box loss of sampled RoIs (*Fast R-CNN*, section 2.3).

        `logits` are (B, S, K + 1), background first, and `deltas` (B, S, K + 1, 4); `sample` and
        `truth` are as returned by `RoiSampling` and `mark_valid`. Both losses are divided by the
        number of sampled RoIs.
        """
        sampled = sample["sampled"]
        class_loss = mean_where(softmax_cross_entropy(logits, sample["classes"]), sampled)
        boxes = ops.take_along_axis(truth["boxes"], sample["matched"][..., None], axis=1)
        targets = encode(boxes, sample["boxes"], self.weights)
        assigned = ops.take_along_axis(deltas, sample["classes"][..., None, None], axis=2)[:, :, 0]
        distance = ops.sum(smooth_l1(assigned - targets, self.beta), axis=-1)
        distance = ops.sum(ops.where(sample["positive"], distance, 0.0))
        count = ops.maximum(ops.sum(ops.cast(sampled, "float32")), 1.0)
        return class_loss, distance / count

    def postprocess(self, logits, deltas, boxes, valid, height, width) -> dict[str, Any]:
        """Returns the detections of a batch, boxes in pixels of the model input.

        `logits` and `deltas` are those of `forward` for RoIs `boxes` (B, R, 4), `valid` (B, R).
        """
        scores = ops.softmax(logits, axis=-1)[..., 1:]
        return self.select_detections(scores, deltas[:, :, 1:], boxes, valid, height, width)

    def select_detections(self, scores, deltas, boxes, valid, height, width) -> dict[str, Any]:
        """Returns the detections of scores (B, R, K) and deltas (B, R, K, 4) per class."""
        if only_portable():
            # An int8 file would give −inf one of the 256 levels of its softmax.
            scores = scores + 1e-9
        scores = ops.where(valid[..., None], scores, -math.inf)
        refined = clip(decode(deltas, boxes[:, :, None], self.weights), height, width)
        return select(
            ops.reshape(refined, (-1, refined.shape[1] * refined.shape[2], 4)),
            ops.reshape(scores, (-1, scores.shape[1] * scores.shape[2])),
            classes=scores.shape[2],
            selection=self.selection,
        )
