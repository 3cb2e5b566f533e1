"""Metrics of segmentation maps, inside the graph; pixels of 255 are ignored.

`y_true` are class indices (B, H, W); `y_pred` are logits (B, H, W, C) or class indices (B, H, W).
"""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from zoo.argument_checks import arguments_of
from zoo.errors import InputError


class ConfusionMatrix(keras.metrics.Metric):
    """Confusion matrix of the pixels, true classes by predicted classes.

    Pixels of a class beyond `num_classes` are not in the matrix, but count as wrongly predicted.

    Args:
        num_classes: number of classes.
        ignore: label of ignored pixels.
        name: name of the metric.
    """

    def __init__(self, num_classes: int, ignore: int = 255, name: str | None = None, **kwargs: Any):
        super().__init__(name=name, **kwargs)
        self.num_classes = num_classes
        self.ignore = ignore
        self.matrix = self.add_variable(
            (num_classes, num_classes), initializer="zeros", name="matrix", dtype="float32"
        )
        self.beyond = self.add_variable(
            (num_classes,), initializer="zeros", name="beyond", dtype="float32"
        )

    def update_state(self, y_true, y_pred, sample_weight=None) -> None:
        # Weights of the loss do not apply to the metric.
        del sample_weight
        truth = ops.reshape(ops.cast(y_true, "int32"), (-1,))
        if len(y_pred.shape) == len(y_true.shape) + 1:
            y_pred = ops.argmax(y_pred, axis=-1)
        predicted = ops.reshape(ops.cast(y_pred, "int32"), (-1,))
        classes = self.num_classes
        valid = ops.logical_and(ops.not_equal(truth, self.ignore), truth >= 0)
        cell = ops.where(valid, ops.minimum(truth, classes) * classes + predicted, 0)
        counts = ops.segment_sum(
            ops.cast(valid, "int32"), cell, num_segments=(classes + 1) * classes
        )
        counts = ops.reshape(ops.cast(counts, "float32"), (classes + 1, classes))
        self.matrix.assign_add(counts[:-1])
        self.beyond.assign_add(counts[-1])

    def result(self):
        return self.matrix

    def get_config(self) -> dict[str, Any]:
        return arguments_of(self)

    def parts(self):
        """Returns the correct, the predicted and the true pixels per class, each (C,)."""
        return (
            ops.diagonal(self.matrix),
            ops.sum(self.matrix, axis=0) + self.beyond,
            ops.sum(self.matrix, axis=1),
        )


def _mean_over(scores, present):
    present = ops.cast(present, "float32")
    return ops.sum(scores * present) / ops.maximum(ops.sum(present), 1.0)


@keras.saving.register_keras_serializable(package="zoo.metrics")
class MeanIoU(ConfusionMatrix):
    """Mean IoU of the classes in the ground truth or the prediction."""

    def __init__(self, num_classes: int, ignore: int = 255, name: str = "mean_iou", **kwargs: Any):
        super().__init__(num_classes, ignore, name=name, **kwargs)

    def result(self):
        correct, predicted, truth = self.parts()
        union = predicted + truth - correct
        return _mean_over(correct / ops.maximum(union, 1.0), union > 0)


@keras.saving.register_keras_serializable(package="zoo.metrics")
class ClassIoU(ConfusionMatrix):
    """IoU of one class, 0 if it is absent.

    Args:
        num_classes: number of classes.
        class_id: index of the class.
        ignore: label of ignored pixels.
        name: name of the metric.

    Raises:
        InputError: if `class_id` is not one of the classes.
    """

    def __init__(
        self, num_classes: int, class_id: int, ignore: int = 255, name: str | None = None, **kwargs
    ):
        super().__init__(num_classes, ignore, name=name or f"iou_{class_id}", **kwargs)
        if not 0 <= class_id < num_classes:
            raise InputError(f"class_id must be from 0 to {num_classes - 1}, not {class_id!r}.")
        self.class_id = class_id

    def result(self):
        correct, predicted, truth = self.parts()
        union = predicted + truth - correct
        return (correct / ops.maximum(union, 1.0))[self.class_id]


@keras.saving.register_keras_serializable(package="zoo.metrics")
class Dice(ConfusionMatrix):
    """Mean Dice coefficient of the classes in the ground truth or the prediction."""

    def __init__(self, num_classes: int, ignore: int = 255, name: str = "dice", **kwargs: Any):
        super().__init__(num_classes, ignore, name=name, **kwargs)

    def result(self):
        correct, predicted, truth = self.parts()
        both = predicted + truth
        return _mean_over(2.0 * correct / ops.maximum(both, 1.0), both > 0)


@keras.saving.register_keras_serializable(package="zoo.metrics")
class PixelAccuracy(keras.metrics.Metric):
    """Fraction of the valid pixels with the right class."""

    def __init__(self, ignore: int = 255, name: str = "pixel_accuracy", **kwargs: Any):
        super().__init__(name=name, **kwargs)
        self.ignore = ignore
        self.correct = self.add_variable((), initializer="zeros", name="correct", dtype="float32")
        self.total = self.add_variable((), initializer="zeros", name="total", dtype="float32")

    def update_state(self, y_true, y_pred, sample_weight=None) -> None:
        del sample_weight
        truth = ops.cast(y_true, "int32")
        if len(y_pred.shape) == len(y_true.shape) + 1:
            y_pred = ops.argmax(y_pred, axis=-1)
        valid = ops.not_equal(truth, self.ignore)
        correct = ops.logical_and(valid, ops.equal(truth, ops.cast(y_pred, "int32")))
        self.correct.assign_add(ops.cast(ops.sum(ops.cast(correct, "int32")), "float32"))
        self.total.assign_add(ops.cast(ops.sum(ops.cast(valid, "int32")), "float32"))

    def result(self):
        return self.correct / ops.maximum(self.total, 1.0)

    def get_config(self) -> dict[str, Any]:
        return arguments_of(self)
