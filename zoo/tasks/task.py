"""The contract of a task."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import keras

if TYPE_CHECKING:
    from zoo.inference.image_transform import ImageTransform
    from zoo.model import Model
    from zoo.tasks.label_limits import LabelLimit


class Task:
    """Targets, losses, metrics and predictions of the models of one task.

    Attributes:
        name: name of the task, as in `zoo list --task`.
        targets: keys of the sample schema required for training.
        optional: further keys used in training where a data set has them.
        classes_of: key of the target whose values are the class indices.
        predictions: keys of the predictions.
        monitor: validation metric that selects the best epoch, and its direction, `"max"` or
            `"min"`.
    """

    name: str = ""
    targets: tuple[str, ...] = ()
    optional: tuple[str, ...] = ()
    classes_of: str = "segmentation"
    predictions: tuple[str, ...] = ()
    monitor: tuple[str, str] = ("loss", "min")

    def loss(self, model: Model) -> dict[str, keras.losses.Loss]:
        """Returns the default losses by output name; none for models with their own."""
        return {}

    def metrics(self, model: Model) -> dict[str, list[keras.metrics.Metric]]:
        """Returns the default metrics by output name."""
        return {}

    def label_limits(self, model: Model) -> list[LabelLimit]:
        """Returns the limits of the targets' values that a model can represent."""
        return []

    def align(self, targets: Mapping[str, Any] | Any, outputs: Mapping[str, Any]) -> dict[str, Any]:
        """Returns the target of each output; by default that of the same name."""
        return dict(targets)

    def decode(
        self, model: Model, outputs: Mapping[str, Any], transform: ImageTransform
    ) -> dict[str, Any]:
        """Returns the predictions of raw outputs, in pixels of the original images."""
        raise NotImplementedError
