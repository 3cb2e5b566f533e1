"""The model of one object: losses in units of image or person, weighed by hand or learned."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import keras
from keras import ops

from zoo.model import Model


@keras.saving.register_keras_serializable(package="zoo")
class SingleObjectModel(Model):
    """A functional model whose raw outputs are in pixels and whose losses are not.

    Its task, a `zoo.tasks.localization_task.SingleObject`, divides boxes by the image's size and
    joints by the person's before the losses see them.

    Args:
        inputs, outputs, task, loss_weights, name: as of `zoo.Model`.
        uncertainty: the factors of the losses are learned: L = Σ exp(−s)·Lᵢ + s, one s an output
            (Kendall, Gal & Cipolla, *Multi-Task Learning Using Uncertainty*, CVPR 2018).
        kinds: attributes by which the task chooses losses, such as `box_loss="giou"`.
    """

    def __init__(
        self,
        inputs: Any,
        outputs: dict[str, Any],
        *,
        task: str,
        loss_weights: Mapping[str, float] | None = None,
        uncertainty: bool = False,
        name: str | None = None,
        **kinds: str,
    ):
        super().__init__(inputs, outputs, task=task, loss_weights=loss_weights, name=name)
        for key, kind in kinds.items():
            setattr(self, key, kind)
        self.log_variances = None
        if uncertainty:
            self.log_variances = LogVariances(len(outputs), name="log_variances")
            self.log_variances.build()

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        y, y_pred = self.task.for_loss(x, y, y_pred)
        if self.log_variances is None:
            return super().compute_loss(x, y, y_pred, sample_weight, training=training)
        logs = self.log_variances.variances
        batch = ops.shape(next(iter(y_pred.values())))[0]
        factors = {}
        for number, name in enumerate(y_pred):
            factors[name] = ops.exp(-logs[number]) * ops.ones((batch,))
            if sample_weight is not None:
                given = sample_weight[name] if isinstance(sample_weight, Mapping) else sample_weight
                factors[name] = factors[name] * ops.cast(given, "float32")
        weighted = super().compute_loss(x, y, y_pred, factors, training=training)
        return weighted + ops.sum(logs)

    def compute_metrics(self, x, y, y_pred, sample_weight=None):
        y, y_pred = self.task.for_metrics(x, y, y_pred)
        return super().compute_metrics(x, y, y_pred, sample_weight)


@keras.saving.register_keras_serializable(package="zoo")
class LogVariances(keras.layers.Layer):
    """The learned s of each loss, 0 at first."""

    def __init__(self, count: int, **kwargs: Any):
        super().__init__(dtype="float32", **kwargs)
        self.count = count

    def build(self, input_shape: Any = None) -> None:
        self.variances = self.add_weight(shape=(self.count,), initializer="zeros", name="s")
        self.built = True

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "count": self.count}
