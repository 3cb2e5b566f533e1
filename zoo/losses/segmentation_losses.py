"""Losses on class maps. All ignore pixels marked 255 and stay finite when nothing is left.

Shapes: `y_true` (B, H, W) integer classes, 255 = ignore; `y_pred` (B, H, W, C) logits;
`sample_weight` None or (B, H, W) or (B,), such as U-Net's border weights. Values are computed in
float32 whatever the precision of the logits.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from zoo.errors import InputError


class SegmentationLoss(keras.losses.Loss):
    """Base of the losses on class maps.

    Args:
        ignore: label of the pixels to leave out.
        name: shown in logs.
    """

    def __init__(self, ignore: int = 255, name: str | None = None, **kwargs: Any):
        super().__init__(name=name, **kwargs)
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
        """The loss, a scalar.

        Args:
            labels: (B, H, W) int32 classes, 0 where ignored.
            logits: (B, H, W, C) float32.
            valid: (B, H, W) float32, 1 where the pixel counts.
            weights: (B, H, W) float32, `valid` times the sample weight.
        """
        raise NotImplementedError

    def get_config(self) -> dict[str, Any]:
        return {"name": self.name, "ignore": self.ignore}


def _mean(values, valid, weights):
    """Weighted sum over the number of valid pixels; 0 when there are none."""
    return ops.sum(values * weights) / ops.maximum(ops.sum(valid), 1.0)


@keras.saving.register_keras_serializable(package="zoo.losses")
class CrossEntropy(SegmentationLoss):
    """Mean over valid pixels of −log softmax of the true class.

    Args:
        class_weights: one factor a class, such as SegNet's median-frequency weights.
        label_smoothing: share in [0, 1) of the target spread evenly over the classes.

    Raises:
        InputError: `label_smoothing` outside [0, 1).
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
            raise InputError(f"label_smoothing must be in [0, 1), not {label_smoothing}.")
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
                    f"{len(self.class_weights)} class_weights for {logits.shape[-1]} classes."
                )
            weights = weights * ops.sum(truth * ops.convert_to_tensor(self.class_weights), axis=-1)
        return _mean(losses, valid, weights)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "class_weights": self.class_weights,
            "label_smoothing": self.label_smoothing,
        }


@keras.saving.register_keras_serializable(package="zoo.losses")
class Focal(SegmentationLoss):
    """(1 − p)^gamma × cross-entropy: easy pixels count less (Lin et al., ICCV 2017).

    Raises:
        InputError: a negative `gamma`.
    """

    def __init__(self, gamma: float = 2.0, ignore: int = 255, name: str = "focal", **kwargs: Any):
        super().__init__(ignore=ignore, name=name, **kwargs)
        if gamma < 0:
            raise InputError(f"gamma must be 0 or more, not {gamma}.")
        self.gamma = float(gamma)

    def value(self, labels, logits, valid, weights):
        truth = ops.one_hot(labels, logits.shape[-1], dtype="float32")
        log_probability = ops.sum(truth * ops.log_softmax(logits, axis=-1), axis=-1)
        # A floor keeps the power's gradient finite where p is exactly 1.
        missing = ops.maximum(1.0 - ops.exp(log_probability), 1e-7)
        return _mean(-ops.power(missing, self.gamma) * log_probability, valid, weights)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "gamma": self.gamma}


class _Overlap(SegmentationLoss):
    """Shared by Dice and Jaccard: soft counts a class over the batch, classes absent left out."""

    def counts(self, labels, logits, weights):
        probability = ops.softmax(logits, axis=-1) * weights[..., None]
        truth = ops.one_hot(labels, logits.shape[-1], dtype="float32") * weights[..., None]
        axes = tuple(range(len(labels.shape)))
        both = ops.sum(ops.softmax(logits, axis=-1) * truth, axis=axes)
        return both, ops.sum(probability, axis=axes), ops.sum(truth, axis=axes)

    def mean_over_present(self, scores, truth):
        present = ops.cast(truth > 0, "float32")
        return ops.sum((1.0 - scores) * present) / ops.maximum(ops.sum(present), 1.0)


@keras.saving.register_keras_serializable(package="zoo.losses")
class Dice(_Overlap):
    """1 − 2|A∩B| / (|A| + |B|), soft, mean over the classes that occur (Milletari et al., 2016)."""

    def __init__(self, ignore: int = 255, name: str = "dice", **kwargs: Any):
        super().__init__(ignore=ignore, name=name, **kwargs)

    def value(self, labels, logits, valid, weights):
        both, predicted, truth = self.counts(labels, logits, weights)
        return self.mean_over_present(2.0 * both / ops.maximum(predicted + truth, 1e-6), truth)


@keras.saving.register_keras_serializable(package="zoo.losses")
class Jaccard(_Overlap):
    """1 − |A∩B| / |A∪B|, soft, mean over the classes that occur."""

    def __init__(self, ignore: int = 255, name: str = "jaccard", **kwargs: Any):
        super().__init__(ignore=ignore, name=name, **kwargs)

    def value(self, labels, logits, valid, weights):
        both, predicted, truth = self.counts(labels, logits, weights)
        return self.mean_over_present(both / ops.maximum(predicted + truth - both, 1e-6), truth)


@keras.saving.register_keras_serializable(package="zoo.losses")
class Lovasz(SegmentationLoss):
    """Lovász-softmax: the tight convex surrogate of the Jaccard loss (Berman et al., CVPR 2018).

    Taken over the batch, mean over the classes that occur. A sample weight scales the errors.
    """

    def __init__(self, ignore: int = 255, name: str = "lovasz", **kwargs: Any):
        super().__init__(ignore=ignore, name=name, **kwargs)

    def value(self, labels, logits, valid, weights):
        classes = logits.shape[-1]
        probability = ops.reshape(ops.softmax(logits, axis=-1), (-1, classes))
        valid = ops.reshape(valid, (-1, 1))
        truth = ops.one_hot(ops.reshape(labels, (-1,)), classes, dtype="float32") * valid
        errors = ops.abs(truth - probability) * ops.reshape(weights, (-1, 1))
        # Ignored pixels have error 0 and truth 0: sorted last, they leave the sum as it is.
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
    """Weighted sum of losses on class maps.

    Args:
        losses: the terms; they share this loss's ignore label only if made with it.
        factors: one factor a term; all 1 if not given.

    Raises:
        InputError: no terms, or not one factor for each.
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
                f"A sum needs one factor for each of its losses: {len(self.losses)} losses, "
                f"{len(self.factors)} factors."
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
