"""Metrics of images with one object - its class, its box, its joints - inside the graph.

They leave out images and joints without a label, and are 0 where nothing is left.
"""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from zoo.boxes.overlap import paired_iou


class _Mean(keras.metrics.Metric):
    """Mean over everything seen of a value each."""

    def __init__(self, name: str, **kwargs: Any):
        super().__init__(name=name, **kwargs)
        self.sum = self.add_variable((), initializer="zeros", name="sum", dtype="float32")
        self.count = self.add_variable((), initializer="zeros", name="count", dtype="float32")

    def update_state(self, y_true, y_pred, sample_weight=None) -> None:
        # Right or wrong: loss weights do not change what is measured.
        del sample_weight
        values, counted = self.values(y_true, y_pred)
        counted = ops.cast(counted, "float32")
        self.sum.assign_add(ops.sum(ops.cast(values, "float32") * counted))
        self.count.assign_add(ops.sum(counted))

    def result(self):
        return self.sum / ops.maximum(self.count, 1.0)

    def values(self, y_true, y_pred):
        """A finite value each, and whether it counts; of one shape."""
        raise NotImplementedError


@keras.saving.register_keras_serializable(package="zoo.metrics")
class TopAccuracy(_Mean):
    """Share of the images whose class is among the `k` best; ties count against.

    `y_true` (B,) integer classes, −1 = no label; `y_pred` (B, C) logits.
    """

    def __init__(self, k: int = 1, name: str | None = None, **kwargs: Any):
        super().__init__(name or ("accuracy" if k == 1 else f"top{k}_accuracy"), **kwargs)
        self.k = k

    def values(self, y_true, y_pred):
        labels = ops.reshape(ops.cast(y_true, "int32"), (-1,))
        logits = ops.cast(y_pred, "float32")
        safe = ops.maximum(labels, 0)
        own = ops.take_along_axis(logits, safe[:, None], axis=-1)
        others = ops.arange(logits.shape[-1], dtype="int32")[None] != safe[:, None]
        ahead = ops.logical_and(others, ops.logical_not(logits < own))
        rank = ops.sum(ops.cast(ahead, "int32"), axis=-1)
        return rank < self.k, labels >= 0

    def get_config(self) -> dict[str, Any]:
        return {"name": self.name, "k": self.k}


class _BoxMetric(_Mean):
    """`y_true`, `y_pred` (B, 5): xyxy and class; a true box without area is not counted."""

    def overlap(self, y_true, y_pred):
        truth, found = (ops.cast(boxes, "float32") for boxes in (y_true, y_pred))
        labelled = ops.logical_and(truth[:, 2] > truth[:, 0], truth[:, 3] > truth[:, 1])
        overlap = paired_iou(truth[:, :4], found[:, :4])
        return overlap, labelled, ops.equal(ops.round(truth[:, 4]), ops.round(found[:, 4]))


@keras.saving.register_keras_serializable(package="zoo.metrics")
class LocalizationAccuracy(_BoxMetric):
    """Share of the images whose class is right and whose box has an IoU above a threshold."""

    def __init__(self, threshold: float = 0.5, name: str = "localization_accuracy", **kwargs: Any):
        super().__init__(name, **kwargs)
        self.threshold = threshold

    def values(self, y_true, y_pred):
        overlap, labelled, same = self.overlap(y_true, y_pred)
        return ops.logical_and(same, overlap > self.threshold), labelled

    def get_config(self) -> dict[str, Any]:
        return {"name": self.name, "threshold": self.threshold}


@keras.saving.register_keras_serializable(package="zoo.metrics")
class BoxIoU(_BoxMetric):
    """Mean IoU of the box, whatever the class."""

    def __init__(self, name: str = "mean_iou", **kwargs: Any):
        super().__init__(name, **kwargs)

    def values(self, y_true, y_pred):
        overlap, labelled, _ = self.overlap(y_true, y_pred)
        return overlap, labelled

    def get_config(self) -> dict[str, Any]:
        return {"name": self.name}


@keras.saving.register_keras_serializable(package="zoo.metrics")
class CorrectKeypoints(_Mean):
    """PCK: share of the labelled joints found within a share of the person's longer side.

    `y_true` (B, K, 3): x, y in units of the longer side of the person's box and a visibility, 0
    where there is no label; `y_pred` (B, K, 2) in the same units.
    """

    def __init__(self, share: float = 0.2, name: str = "pck", **kwargs: Any):
        super().__init__(name, **kwargs)
        self.share = share

    def values(self, y_true, y_pred):
        y_true, y_pred = ops.cast(y_true, "float32"), ops.cast(y_pred, "float32")
        labelled = y_true[..., 2] > 0
        difference = ops.where(labelled[..., None], y_pred - y_true[..., :2], 0.0)
        return ops.sum(ops.square(difference), axis=-1) <= self.share**2, labelled

    def get_config(self) -> dict[str, Any]:
        return {"name": self.name, "share": self.share}
