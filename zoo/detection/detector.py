"""Base class of models that encode their training targets inside the training graph."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import keras
from keras import ops

from zoo.detection.ground_truth import within_limits
from zoo.model import Model


class Detector(Model):
    """A functional model that computes its losses from dense padded ground truth.

    Every detector takes the same targets; a subclass encodes them (as anchors, grid cells or
    sampled RoIs) in `compute_losses`. `losses` names the parts of the loss, reported as `NAME_loss`
    in training; `loss_weights` holds their factors where they are not 1.
    """

    def __init__(self, inputs: Any, outputs: dict[str, Any], *, losses: tuple[str, ...], **kwargs):
        super().__init__(inputs, outputs, **kwargs)
        self.loss_parts = tuple(losses)
        self._part_means = [keras.metrics.Mean(name=f"{part}_loss") for part in losses]

    @property
    def num_classes(self) -> int | None:
        """Number of classes of the targets' `labels`; None for any."""
        return None

    def compute_losses(
        self, images: Any, targets: Mapping[str, Any], outputs: Mapping[str, Any], training: bool
    ) -> dict[str, Any]:
        """Computes the parts of the loss: scalars by name, one for each of `loss_parts`.

        Args:
            images: inputs of the model.
            targets: dense padded ground truth, see `zoo.tasks.sample_schema`.
            outputs: raw outputs of the model.
            training: whether the model is in training mode.
        """
        raise NotImplementedError

    def compile(self, optimizer: Any = "adam", loss: Any = None, metrics: Any = None, **kwargs):
        """Compiles as `keras.Model.compile`; the losses are the model's.

        `loss_weights` replaces factors by name. Raises a ValueError if a loss or metrics are given,
        or a factor of an unknown part of the loss.
        """
        if loss is not None:
            raise ValueError(
                f"{self.name}: loss must be None, since the model computes its losses "
                f"({', '.join(self.loss_parts)}), not {loss!r}."
            )
        if metrics or kwargs.get("weighted_metrics"):
            raise ValueError(
                f"{self.name}: metrics must be None or [], since they would compare boxes with raw "
                "outputs; use training.evaluate."
            )
        kwargs.pop("weighted_metrics", None)
        factors = {**self.loss_weights, **(kwargs.pop("loss_weights", None) or {})}
        unknown = [name for name in factors if name not in self.loss_parts]
        if unknown:
            raise ValueError(
                f"{self.name}: unknown loss {unknown[0]!r} in loss_weights. Available: "
                f"{', '.join(self.loss_parts)}."
            )
        self._factors = tuple(factors.items())
        keras.Model.compile(self, optimizer=optimizer, loss=None, **kwargs)

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        y = within_limits(self.label_limits, self.task.align(y, y_pred))
        parts = self.compute_losses(x, y, y_pred, training)
        factors = dict(getattr(self, "_factors", ()))
        total = ops.sum(ops.stack([*self.losses, ops.zeros(())]))
        for mean, name in zip(self._part_means, self.loss_parts, strict=True):
            mean.update_state(parts[name])
            total = total + factors.get(name, 1.0) * parts[name]
        return total

    def compute_metrics(self, x, y, y_pred, sample_weight=None):
        return self.get_metrics_result()
