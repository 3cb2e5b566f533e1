"""The box branch of the second stage: classes and refined boxes of RoIs."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from typing import Any

import keras
from keras import ops

from zoo.boxes.coder import decode
from zoo.boxes.formats import clip
from zoo.detection.ground_truth import Tensors
from zoo.detection.postprocessing import Selection, select
from zoo.detection.two_stage.fast_rcnn_loss import fast_rcnn_loss
from zoo.detection.two_stage.roi_pooling import RoiPooler
from zoo.layers.portable import only_portable


@dataclasses.dataclass(frozen=True)
class BoxBranch:
    """Classifies RoIs and refines their boxes.

    Attributes:
        pooler: pooler of the feature maps.
        head: model from maps (N, size, size, C) to `[logits (N, K + 1), deltas (N, 4·(K + 1))]`,
            background first.
        selection: settings of the final selection of detections.
        weights: factors of the four deltas, see `zoo.boxes.coder`.
        beta: transition point of the smooth L1 loss.
    """

    pooler: RoiPooler
    head: keras.Model
    selection: Selection
    weights: tuple[float, float, float, float] = (10.0, 10.0, 5.0, 5.0)
    beta: float = 1.0

    def forward(self, maps: Mapping[int, Any], boxes, training: bool):
        """Returns class logits (B, R, K + 1) and deltas (B, R, K + 1, 4) of RoIs in float32."""
        logits, deltas = self.head(self.pooler(maps, boxes), training=training)
        rois, classes = boxes.shape[1], logits.shape[-1]
        return (
            ops.reshape(ops.cast(logits, "float32"), (-1, rois, classes)),
            ops.reshape(ops.cast(deltas, "float32"), (-1, rois, classes, 4)),
        )

    def losses(self, logits, deltas, sample: Tensors, truth: Tensors) -> tuple[Any, ...]:
        """Computes the class loss and the box loss, see `fast_rcnn_loss`."""
        return fast_rcnn_loss(logits, deltas, sample, truth, weights=self.weights, beta=self.beta)

    def postprocess(self, logits, deltas, boxes, valid, height, width) -> dict[str, Any]:
        """Returns the detections of a batch.

        Args:
            logits: class logits, as `forward` returns them.
            deltas: box deltas, as `forward` returns them.
            boxes: RoIs (B, R, 4) xyxy in pixels of the model input.
            valid: (B, R) bool, False for padding.
            height: height of the image in pixels of the model input.
            width: width of the image in pixels of the model input.

        Returns:
            `boxes` (B, D, 4), `labels` (B, D), `scores` (B, D) and `num_detections` (B,), in order
            of score; boxes in pixels of the model input.
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
