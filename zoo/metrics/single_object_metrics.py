"""Metrics of images with one object: its class, its box or its keypoints.

They ignore images and keypoints without a label, and are 0 without any label.
"""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from zoo.argument_checks import arguments_of
from zoo.boxes.overlap import paired_iou


class _Mean(keras.metrics.Metric):
    """Mean of the counted values."""

    def __init__(self, name: str, **kwargs: Any):
        super().__init__(name=name, **kwargs)
        self.sum = self.add_variable((), initializer="zeros", name="sum", dtype="float32")
        self.count = self.add_variable((), initializer="zeros", name="count", dtype="float32")

    def update_state(self, y_true, y_pred, sample_weight=None) -> None:
        # Weights of the loss do not apply to the metric.
        del sample_weight
        values, counted = self.values(y_true, y_pred)
        counted = ops.cast(counted, "float32")
        self.sum.assign_add(ops.sum(ops.cast(values, "float32") * counted))
        self.count.assign_add(ops.sum(counted))

    def result(self):
        return self.sum / ops.maximum(self.count, 1.0)

    def values(self, y_true, y_pred):
        """Returns finite values, and whether each is counted, of the same shape."""
        raise NotImplementedError

    def get_config(self) -> dict[str, Any]:
        return arguments_of(self)


@keras.saving.register_keras_serializable(package="zoo.metrics")
class TopAccuracy(_Mean):
    """Top-k accuracy, without the benefit of ties.

    `y_true` are class indices (B,), −1 for no label; `y_pred` are logits (B, C).

    Args:
        k: number of classes among which the true class counts as correct.
        name: name of the metric; None for `accuracy` or `topK_accuracy`.
    """

    def __init__(self, k: int = 1, name: str | None = None, **kwargs: Any):
        super().__init__(name or ("accuracy" if k == 1 else f"top{k}_accuracy"), **kwargs)
        self.k = k

    def values(self, y_true, y_pred):
        labels = ops.reshape(ops.cast(y_true, "int32"), (-1,))
        logits = ops.cast(y_pred, "float32")
        safe = ops.clip(labels, 0, logits.shape[-1] - 1)
        true = ops.take_along_axis(logits, safe[:, None], axis=-1)
        others = ops.arange(logits.shape[-1], dtype="int32")[None] != safe[:, None]
        ahead = ops.logical_and(others, ops.logical_not(logits < true))
        rank = ops.sum(ops.cast(ahead, "int32"), axis=-1)
        # A label beyond the classes counts as wrong.
        return ops.logical_and(rank < self.k, labels == safe), labels >= 0


class _BoxMetric(_Mean):
    """`y_true` and `y_pred` (B, 5) are xyxy and class; true boxes without area are not counted."""

    def overlap(self, y_true, y_pred):
        truth, predicted = (ops.cast(boxes, "float32") for boxes in (y_true, y_pred))
        labeled = ops.logical_and(truth[:, 2] > truth[:, 0], truth[:, 3] > truth[:, 1])
        overlap = paired_iou(truth[:, :4], predicted[:, :4])
        return overlap, labeled, ops.equal(ops.round(truth[:, 4]), ops.round(predicted[:, 4]))


@keras.saving.register_keras_serializable(package="zoo.metrics")
class LocalizationAccuracy(_BoxMetric):
    """Fraction of the images with the right class and a box of an IoU above a threshold.

    Args:
        threshold: IoU threshold.
        name: name of the metric.
    """

    def __init__(self, threshold: float = 0.5, name: str = "localization_accuracy", **kwargs: Any):
        super().__init__(name, **kwargs)
        self.threshold = threshold

    def values(self, y_true, y_pred):
        overlap, labeled, same = self.overlap(y_true, y_pred)
        return ops.logical_and(same, overlap > self.threshold), labeled


@keras.saving.register_keras_serializable(package="zoo.metrics")
class BoxIoU(_BoxMetric):
    """Mean IoU of the boxes, regardless of the class."""

    def __init__(self, name: str = "mean_iou", **kwargs: Any):
        super().__init__(name, **kwargs)

    def values(self, y_true, y_pred):
        overlap, labeled, _ = self.overlap(y_true, y_pred)
        return overlap, labeled


@keras.saving.register_keras_serializable(package="zoo.metrics")
class CorrectKeypoints(_Mean):
    """PCK: fraction of the labeled keypoints predicted within a distance of the true ones.

    `y_true` (B, K, 3) is x, y in units of the longer side of the person's box, and visibility, 0
    for no label; `y_pred` (B, K, 2) is x, y in the same units.

    Args:
        threshold: distance in units of the longer side.
        name: name of the metric.
    """

    def __init__(self, threshold: float = 0.2, name: str = "pck", **kwargs: Any):
        super().__init__(name, **kwargs)
        self.threshold = threshold

    def values(self, y_true, y_pred):
        y_true, y_pred = ops.cast(y_true, "float32"), ops.cast(y_pred, "float32")
        labeled = y_true[..., 2] > 0
        difference = ops.where(labeled[..., None], y_pred - y_true[..., :2], 0.0)
        return ops.sum(ops.square(difference), axis=-1) <= self.threshold**2, labeled
