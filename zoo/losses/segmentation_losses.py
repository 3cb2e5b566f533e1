"""Losses of segmentation maps; pixels of 255 are ignored, and losses without pixels are finite.

`y_true` are class indices (B, H, W), 255 for ignored pixels; `y_pred` are logits (B, H, W, C);
`sample_weight` is None, (B, H, W) or (B,), such as U-Net's border weights. Losses are computed in
float32.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from zoo.argument_checks import arguments_of
from zoo.errors import InputError
from zoo.layers.class_softmax import class_softmax


class SegmentationLoss(keras.losses.Loss):
    """Base of the losses of segmentation maps.

    Args:
        ignore: label of ignored pixels.
        name: name of the loss; None for that of the class in lower case.
    """

    def __init__(self, ignore: int = 255, name: str | None = None, **kwargs: Any):
        super().__init__(name=name or type(self).__name__.lower(), **kwargs)
        self.ignore = ignore

    def __call__(self, y_true, y_pred, sample_weight=None):
        y_true = ops.cast(y_true, "int32")
        logits = ops.cast(y_pred, "float32")
        valid = ops.cast(ops.not_equal(y_true, self.ignore), "float32")
        labels = ops.where(ops.equal(y_true, self.ignore), 0, y_true)
        weights = valid
        if sample_weight is not None:
            sample_weight = ops.cast(sample_weight, "float32")
            while len(sample_weight.shape) < len(valid.shape):
                sample_weight = ops.expand_dims(sample_weight, -1)
            weights = valid * sample_weight
        return self.value(labels, logits, valid, weights)

    def value(self, labels, logits, valid, weights):
        """Returns the loss, a scalar, of logits (B, H, W, C) float32.

        The labels (B, H, W) int32 are 0 and `valid` (B, H, W) float32 is 0 where ignored; `weights`
        are `valid` times the sample weight.
        """
        raise NotImplementedError

    def get_config(self) -> dict[str, Any]:
        return arguments_of(self)


def _mean(values, valid, weights):
    """Weighted sum divided by the number of valid pixels; 0 without any."""
    return ops.sum(values * weights) / ops.maximum(ops.sum(valid), 1.0)


@keras.saving.register_keras_serializable(package="zoo.losses")
class CrossEntropy(SegmentationLoss):
    """Mean cross-entropy of the valid pixels.

    Args:
        class_weights: weight of each class, such as SegNet's median-frequency weights; None for 1.
        label_smoothing: fraction of the target spread evenly over the classes, in [0, 1).
        ignore: label of ignored pixels.
        name: name of the loss.

    Raises:
        InputError: if `label_smoothing` is out of range.
    """

    def __init__(
        self,
        class_weights: Sequence[float] | None = None,
        label_smoothing: float = 0.0,
        ignore: int = 255,
        name: str = "cross_entropy",
        **kwargs: Any,
    ):
        super().__init__(ignore=ignore, name=name, **kwargs)
        if not 0.0 <= label_smoothing < 1.0:
            raise InputError(f"label_smoothing must be in [0, 1), not {label_smoothing!r}.")
        self.class_weights = None if class_weights is None else [float(w) for w in class_weights]
        self.label_smoothing = float(label_smoothing)

    def value(self, labels, logits, valid, weights):
        log_probability = ops.log_softmax(logits, axis=-1)
        truth = ops.one_hot(labels, logits.shape[-1], dtype="float32")
        losses = -ops.sum(truth * log_probability, axis=-1)
        if self.label_smoothing:
            even = -ops.mean(log_probability, axis=-1)
            losses = (1.0 - self.label_smoothing) * losses + self.label_smoothing * even
        if self.class_weights is not None:
            if len(self.class_weights) != logits.shape[-1]:
                raise InputError(
                    f"class_weights must be {logits.shape[-1]} numbers, not {self.class_weights!r}."
                )
            weights = weights * ops.sum(truth * ops.convert_to_tensor(self.class_weights), axis=-1)
        return _mean(losses, valid, weights)


@keras.saving.register_keras_serializable(package="zoo.losses")
class Focal(SegmentationLoss):
    """Focal loss (1 − p)^gamma × cross-entropy (Lin et al., ICCV 2017).

    Args:
        gamma: focusing parameter, at least 0.
        ignore: label of ignored pixels.
        name: name of the loss.

    Raises:
        InputError: if `gamma` is negative.
    """

    def __init__(self, gamma: float = 2.0, ignore: int = 255, name: str = "focal", **kwargs: Any):
        super().__init__(ignore=ignore, name=name, **kwargs)
        if gamma < 0:
            raise InputError(f"gamma must be at least 0, not {gamma!r}.")
        self.gamma = float(gamma)

    def value(self, labels, logits, valid, weights):
        truth = ops.one_hot(labels, logits.shape[-1], dtype="float32")
        log_probability = ops.sum(truth * ops.log_softmax(logits, axis=-1), axis=-1)
        # The minimum keeps the gradient of the power finite where p is 1.
        error = ops.maximum(1.0 - ops.exp(log_probability), 1e-7)
        return _mean(-ops.power(error, self.gamma) * log_probability, valid, weights)


class _Overlap(SegmentationLoss):
    """Base of Dice and Jaccard: soft counts per class over the batch, without absent classes."""

    def counts(self, labels, logits, weights):
        probability = class_softmax(logits) * weights[..., None]
        truth = ops.one_hot(labels, logits.shape[-1], dtype="float32") * weights[..., None]
        axes = tuple(range(len(labels.shape)))
        both = ops.sum(class_softmax(logits) * truth, axis=axes)
        return both, ops.sum(probability, axis=axes), ops.sum(truth, axis=axes)

    def mean_over_present(self, scores, truth):
        present = ops.cast(truth > 0, "float32")
        return ops.sum((1.0 - scores) * present) / ops.maximum(ops.sum(present), 1.0)


@keras.saving.register_keras_serializable(package="zoo.losses")
class Dice(_Overlap):
    """Soft Dice loss, mean over the classes present (Milletari et al., 2016)."""

    def value(self, labels, logits, valid, weights):
        both, predicted, truth = self.counts(labels, logits, weights)
        return self.mean_over_present(2.0 * both / ops.maximum(predicted + truth, 1e-6), truth)


@keras.saving.register_keras_serializable(package="zoo.losses")
class Jaccard(_Overlap):
    """Soft Jaccard loss 1 − |A∩B| / |A∪B|, mean over the classes present."""

    def value(self, labels, logits, valid, weights):
        both, predicted, truth = self.counts(labels, logits, weights)
        return self.mean_over_present(both / ops.maximum(predicted + truth - both, 1e-6), truth)


@keras.saving.register_keras_serializable(package="zoo.losses")
class Lovasz(SegmentationLoss):
    """Lovász-softmax, the convex surrogate of the Jaccard loss (Berman et al., CVPR 2018).

    It is computed over the batch, as the mean over the classes present. Sample weights scale the
    errors.
    """

    def value(self, labels, logits, valid, weights):
        classes = logits.shape[-1]
        probability = ops.reshape(class_softmax(logits), (-1, classes))
        valid = ops.reshape(valid, (-1, 1))
        truth = ops.one_hot(ops.reshape(labels, (-1,)), classes, dtype="float32") * valid
        errors = ops.abs(truth - probability) * ops.reshape(weights, (-1, 1))
        # Ignored pixels have error 0 and truth 0; sorted last, they do not change the sum.
        order = ops.argsort(-errors, axis=0)
        errors = ops.take_along_axis(errors, order, axis=0)
        truth = ops.take_along_axis(truth, order, axis=0)
        total = ops.sum(truth, axis=0, keepdims=True)
        intersection = total - ops.cumsum(truth, axis=0)
        union = total + ops.cumsum(1.0 - truth, axis=0)
        jaccard = 1.0 - intersection / union
        steps = ops.concatenate([jaccard[:1], jaccard[1:] - jaccard[:-1]], axis=0)
        losses = ops.sum(errors * ops.stop_gradient(steps), axis=0)
        present = ops.cast(total[0] > 0, "float32")
        return ops.sum(losses * present) / ops.maximum(ops.sum(present), 1.0)


@keras.saving.register_keras_serializable(package="zoo.losses")
class Sum(SegmentationLoss):
    """Weighted sum of losses of segmentation maps.

    Args:
        losses: terms of the sum, each with its own `ignore`.
        factors: factor of each term; None for 1.
        name: name of the loss.

    Raises:
        InputError: if there are no terms, or not one factor for each.
    """

    def __init__(
        self,
        losses: Sequence[SegmentationLoss],
        factors: Sequence[float] | None = None,
        name: str = "sum",
        **kwargs: Any,
    ):
        super().__init__(name=name, **kwargs)
        self.losses = [
            keras.saving.deserialize_keras_object(loss) if isinstance(loss, dict) else loss
            for loss in losses
        ]
        self.factors = [1.0] * len(self.losses) if factors is None else [float(f) for f in factors]
        if not self.losses or len(self.factors) != len(self.losses):
            raise InputError(
                f"factors must be one per loss, {len(self.losses)}, not {self.factors!r}."
            )

    def __call__(self, y_true, y_pred, sample_weight=None):
        terms = [
            factor * loss(y_true, y_pred, sample_weight)
            for factor, loss in zip(self.factors, self.losses, strict=True)
        ]
        return sum(terms[1:], terms[0])

    def get_config(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "losses": [keras.saving.serialize_keras_object(loss) for loss in self.losses],
            "factors": self.factors,
        }
