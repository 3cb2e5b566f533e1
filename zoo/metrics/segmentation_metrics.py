"""Metrics on class maps, inside the graph. All leave out pixels marked 255.

`y_true` (B, H, W) integer classes; `y_pred` (B, H, W, C) logits or (B, H, W) classes.
"""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from zoo.errors import InputError


class ConfusionMatrix(keras.metrics.Metric):
    """Counts pixels by true (row) and predicted (column) class.

    Args:
        num_classes: C.
        ignore: label of the pixels to leave out.
    """

    def __init__(self, num_classes: int, ignore: int = 255, name: str | None = None, **kwargs: Any):
        super().__init__(name=name, **kwargs)
        self.num_classes = num_classes
        self.ignore = ignore
        self.matrix = self.add_variable(
            (num_classes, num_classes), initializer="zeros", name="matrix", dtype="float32"
        )

    def update_state(self, y_true, y_pred, sample_weight=None) -> None:
        # A pixel is right or wrong: loss weights do not change what is measured.
        del sample_weight
        truth = ops.reshape(ops.cast(y_true, "int32"), (-1,))
        if len(y_pred.shape) == len(y_true.shape) + 1:
            y_pred = ops.argmax(y_pred, axis=-1)
        predicted = ops.reshape(ops.cast(y_pred, "int32"), (-1,))
        valid = ops.logical_and(
            ops.not_equal(truth, self.ignore),
            ops.logical_and(truth >= 0, truth < self.num_classes),
        )
        cell = ops.where(valid, truth * self.num_classes + predicted, 0)
        counts = ops.segment_sum(
            ops.cast(valid, "int32"), cell, num_segments=self.num_classes * self.num_classes
        )
        counts = ops.reshape(ops.cast(counts, "float32"), (self.num_classes, self.num_classes))
        self.matrix.assign_add(counts)

    def result(self):
        return self.matrix

    def get_config(self) -> dict[str, Any]:
        return {"name": self.name, "num_classes": self.num_classes, "ignore": self.ignore}

    def parts(self):
        """Pixels a class that are right, predicted so, and truly so; each (C,)."""
        return (
            ops.diagonal(self.matrix),
            ops.sum(self.matrix, axis=0),
            ops.sum(self.matrix, axis=1),
        )


def _mean_over(scores, present):
    present = ops.cast(present, "float32")
    return ops.sum(scores * present) / ops.maximum(ops.sum(present), 1.0)


@keras.saving.register_keras_serializable(package="zoo.metrics")
class MeanIoU(ConfusionMatrix):
    """Mean of intersection over union over the classes that occur in truth or prediction."""

    def __init__(self, num_classes: int, ignore: int = 255, name: str = "mean_iou", **kwargs: Any):
        super().__init__(num_classes, ignore, name=name, **kwargs)

    def result(self):
        right, predicted, truth = self.parts()
        union = predicted + truth - right
        return _mean_over(right / ops.maximum(union, 1.0), union > 0)


@keras.saving.register_keras_serializable(package="zoo.metrics")
class ClassIoU(ConfusionMatrix):
    """Intersection over union of one class; 0 when it never occurs.

    Raises:
        InputError: `class_id` is not one of the classes.
    """

    def __init__(
        self, num_classes: int, class_id: int, ignore: int = 255, name: str | None = None, **kwargs
    ):
        super().__init__(num_classes, ignore, name=name or f"iou_{class_id}", **kwargs)
        if not 0 <= class_id < num_classes:
            raise InputError(f"class_id goes from 0 to {num_classes - 1}, not {class_id}.")
        self.class_id = class_id

    def result(self):
        right, predicted, truth = self.parts()
        union = predicted + truth - right
        return (right / ops.maximum(union, 1.0))[self.class_id]

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "class_id": self.class_id}


@keras.saving.register_keras_serializable(package="zoo.metrics")
class Dice(ConfusionMatrix):
    """Mean Dice coefficient (F1 of the pixels) over the classes that occur."""

    def __init__(self, num_classes: int, ignore: int = 255, name: str = "dice", **kwargs: Any):
        super().__init__(num_classes, ignore, name=name, **kwargs)

    def result(self):
        right, predicted, truth = self.parts()
        both = predicted + truth
        return _mean_over(2.0 * right / ops.maximum(both, 1.0), both > 0)


@keras.saving.register_keras_serializable(package="zoo.metrics")
class PixelAccuracy(keras.metrics.Metric):
    """Share of the valid pixels whose class is right."""

    def __init__(self, ignore: int = 255, name: str = "pixel_accuracy", **kwargs: Any):
        super().__init__(name=name, **kwargs)
        self.ignore = ignore
        self.right = self.add_variable((), initializer="zeros", name="right", dtype="float32")
        self.total = self.add_variable((), initializer="zeros", name="total", dtype="float32")

    def update_state(self, y_true, y_pred, sample_weight=None) -> None:
        del sample_weight
        truth = ops.cast(y_true, "int32")
        if len(y_pred.shape) == len(y_true.shape) + 1:
            y_pred = ops.argmax(y_pred, axis=-1)
        valid = ops.not_equal(truth, self.ignore)
        right = ops.logical_and(valid, ops.equal(truth, ops.cast(y_pred, "int32")))
        self.right.assign_add(ops.cast(ops.sum(ops.cast(right, "int32")), "float32"))
        self.total.assign_add(ops.cast(ops.sum(ops.cast(valid, "int32")), "float32"))

    def result(self):
        return self.right / ops.maximum(self.total, 1.0)

    def get_config(self) -> dict[str, Any]:
        return {"name": self.name, "ignore": self.ignore}
