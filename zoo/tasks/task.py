"""The contract of a task."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import keras

if TYPE_CHECKING:
    from zoo.inference.image_transform import ImageTransform
    from zoo.model import Model


class Task:
    """What all models of one kind of answer share.

    Attributes:
        name: as in `zoo list --task`.
        targets: keys of the sample schema that training needs.
        optional: keys that training uses where the data set has them.
        classes_of: the key whose numbers are the classes that a model is built for.
        answers: keys of the final answer.
        monitor: the validation metric that says which epoch is best, and `"max"` or `"min"`.
    """

    name: str = ""
    targets: tuple[str, ...] = ()
    optional: tuple[str, ...] = ()
    classes_of: str = "segmentation"
    predictions: tuple[str, ...] = ()
    monitor: tuple[str, str] = ("loss", "min")

    def loss(self, model: Model) -> dict[str, keras.losses.Loss]:
        """Default loss of each output of `model` that has one."""
        raise NotImplementedError

    def metrics(self, model: Model) -> dict[str, list[keras.metrics.Metric]]:
        """Default metrics of each output of `model` that has any."""
        raise NotImplementedError

    def align(self, targets: Mapping[str, Any] | Any, outputs: Mapping[str, Any]) -> dict[str, Any]:
        """Picks, for each output of a model, the target it learns from."""
        raise NotImplementedError

    def decode(
        self, model: Model, outputs: Mapping[str, Any], transform: ImageTransform
    ) -> dict[str, Any]:
        """Turns raw outputs into final answers in pixels of the image that was given."""
        raise NotImplementedError
