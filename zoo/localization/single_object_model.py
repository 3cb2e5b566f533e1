"""Model of one object: losses relative to the size of the image or person, and their weights."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, cast

import keras
from keras import ops

from zoo.model import Model

if TYPE_CHECKING:
    from zoo.tasks.localization_task import SingleObject


@keras.saving.register_keras_serializable(package="zoo")
class SingleObjectModel(Model):
    """A functional model whose outputs are in pixels and whose losses are relative.

    Its task, a `zoo.tasks.localization_task.SingleObject`, divides boxes by the image's size and
    keypoints by the person's size before the losses.

    Args:
        inputs: inputs of `zoo.Model`.
        outputs: dictionary of outputs of `zoo.Model`.
        task: name of the task.
        loss_weights: weight of the loss of each output; 1 for those left out.
        uncertainty_weighting: whether to learn further loss weights: L = Σ exp(−s)·Lᵢ + s, with one
            s per output (Kendall, Gal & Cipolla, *Multi-Task Learning Using Uncertainty*, CVPR
            2018).
        name: name of the model.
        loss_kinds: attributes that choose the task's losses, such as `box_loss="giou"`.
    """

    def __init__(
        self,
        inputs: Any,
        outputs: dict[str, Any],
        *,
        task: str,
        loss_weights: Mapping[str, float] | None = None,
        uncertainty_weighting: bool = False,
        name: str | None = None,
        **loss_kinds: str,
    ):
        super().__init__(inputs, outputs, task=task, loss_weights=loss_weights, name=name)
        for attribute, kind in loss_kinds.items():
            setattr(self, attribute, kind)
        self.log_variances = None
        if uncertainty_weighting:
            self.log_variances = LogVariances(len(outputs), name="log_variances")
            self.log_variances.build()

    @property
    def task(self) -> SingleObject:
        """The task of this model."""
        return cast("SingleObject", super().task)

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        y, y_pred = self.task.for_loss(x, y, y_pred)
        if self.log_variances is None:
            return super().compute_loss(x, y, y_pred, sample_weight, training=training)
        variances = self.log_variances.variances
        batch = ops.shape(next(iter(y_pred.values())))[0]
        factors = {}
        for index, name in enumerate(y_pred):
            factors[name] = ops.exp(-variances[index]) * ops.ones((batch,))
            if sample_weight is not None:
                by_output = isinstance(sample_weight, Mapping)
                weight = sample_weight[name] if by_output else sample_weight
                factors[name] = factors[name] * ops.cast(weight, "float32")
        weighted = super().compute_loss(x, y, y_pred, factors, training=training)
        return weighted + ops.sum(variances)

    def compute_metrics(self, x, y, y_pred, sample_weight=None):
        y, y_pred = self.task.for_metrics(x, y, y_pred)
        return super().compute_metrics(x, y, y_pred, sample_weight)


@keras.saving.register_keras_serializable(package="zoo")
class LogVariances(keras.layers.Layer):
    """The learned s of each loss, initially 0."""

    def __init__(self, count: int, **kwargs: Any):
        super().__init__(dtype="float32", **kwargs)
        self.count = count

    def build(self, input_shape: Any = None) -> None:
        self.variances = self.add_weight(shape=(self.count,), initializer="zeros", name="s")
        self.built = True

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "count": self.count}
