"""A model whose losses are its own: it encodes its targets inside the training graph."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import keras
from keras import ops

from zoo.model import Model


class Detector(Model):
    """A functional model with losses of its own.

    A pipeline gives every detector the same dense padded truth; what a network learns from it -
    anchors, grid cells, samples of regions - is its own affair. A subclass says it in `learn`.

    Args:
        inputs, outputs, task, sizes, name: as of `zoo.Model`.
        losses: names of the parts of the loss, each of which is reported while training.
        loss_weights: factors of parts whose factor is not 1.
    """

    def __init__(self, inputs: Any, outputs: dict[str, Any], *, losses: tuple[str, ...], **kwargs):
        super().__init__(inputs, outputs, **kwargs)
        self.loss_parts = tuple(losses)
        self._part_means = [keras.metrics.Mean(name=f"{part}_loss") for part in losses]

    def compute_losses(
        self, images: Any, targets: Mapping[str, Any], outputs: Mapping[str, Any], training: bool
    ) -> dict[str, Any]:
        """The parts of the loss, scalars by name, from raw outputs and dense padded truth."""
        raise NotImplementedError

    def compile(self, optimizer: Any = "adam", loss: Any = None, metrics: Any = None, **kwargs):
        """`keras.Model.compile`; the losses are the model's own.

        Args:
            optimizer: default Adam.
            loss: None.
            metrics: None; answers are measured outside the graph, see `training.evaluation`.
            **kwargs: as in Keras; `loss_weights` replaces the model's own factors one by one.

        Raises:
            ValueError: a loss is given, or a factor for a part that the loss does not have.
        """
        if loss is not None:
            raise ValueError(f"{self.name} has losses of its own: {', '.join(self.loss_parts)}.")
        factors = {**self.loss_weights, **(kwargs.pop("loss_weights", None) or {})}
        unknown = [name for name in factors if name not in self.loss_parts]
        if unknown:
            raise ValueError(
                f"{self.name} has no loss {unknown[0]!r}; it has {', '.join(self.loss_parts)}."
            )
        self._factors = tuple(factors.items())
        keras.Model.compile(self, optimizer=optimizer, loss=None, metrics=metrics, **kwargs)

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        parts = self.compute_losses(x, self.task.align(y, y_pred), y_pred, training)
        factors = dict(getattr(self, "_factors", ()))
        total = ops.sum(ops.stack([*self.losses, ops.zeros(())]))
        for mean, name in zip(self._part_means, self.loss_parts, strict=True):
            mean.update_state(parts[name])
            total = total + factors.get(name, 1.0) * parts[name]
        return total

    def compute_metrics(self, x, y, y_pred, sample_weight=None):
        return self.get_metrics_result()
