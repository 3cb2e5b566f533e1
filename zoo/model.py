"""The model that every builder returns: a functional `keras.Model` that knows its task."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

import keras
from keras import ops

from zoo.errors import InputError


@dataclasses.dataclass(frozen=True)
class ValidSizes:
    """Input sizes of a network of valid convolutions, and what it loses at the borders.

    A legal input side is `base + step·m`; the output is `margin` pixels smaller on every side.
    """

    base: int
    step: int
    margin: int

    def legal(self, side: int) -> bool:
        return side >= self.base and (side - self.base) % self.step == 0

    def covering(self, side):
        """The smallest legal input whose output has at least `side` pixels (int or tensor)."""
        steps = -((self.base - side - 2 * self.margin) // self.step)
        return self.base + self.step * (
            max(0, steps) if isinstance(side, int) else ops.maximum(0, steps)
        )

    def nearest(self, side: int) -> str:
        """The nearest legal sides, for an error message."""
        if side <= self.base:
            return str(self.base)
        below = side - (side - self.base) % self.step
        return str(side) if below == side else f"{below} or {below + self.step}"


@keras.saving.register_keras_serializable(package="zoo")
class Model(keras.Model):
    """A functional model with a task.

    `model(images)` takes RGB pixels 0…255 (B, H, W, C), uint8 or float, and returns a dictionary of
    raw outputs; `zoo.predict(model, images)` gives final answers. A model that takes proposals too,
    boxes in pixels, takes a dictionary of `image` and `proposals` (B, P, 4) instead. `compile()`
    without losses takes the task's; `fit` takes `(images, targets)` where `targets` is a dictionary
    of the task's target keys, whatever the model. Files hold the builder's name and arguments and
    reload by rebuilding.

    Args:
        inputs, outputs: as of a functional model; `outputs` is a dictionary.
        task: name of the task.
        sizes: legal sizes and border loss, for networks of valid convolutions.
        loss_weights: factors of the outputs' losses, for outputs whose factor is not 1.
        name: of the model.
    """

    def __init__(
        self,
        inputs: Any,
        outputs: dict[str, Any],
        *,
        task: str,
        sizes: ValidSizes | None = None,
        loss_weights: Mapping[str, float] | None = None,
        name: str | None = None,
    ):
        super().__init__(inputs=inputs, outputs=outputs, name=name)
        self.task_name = task
        self.sizes = sizes
        self._loss_weights = tuple((loss_weights or {}).items())
        self.architecture: str | None = None
        self._arguments_given: Any = None
        self._made_with = keras.dtype_policies.serialize(keras.config.dtype_policy())

    @property
    def task(self):
        """The `zoo.tasks.Task` of this model."""
        from zoo.tasks import TASKS

        return TASKS[self.task_name]

    @property
    def monitor(self) -> tuple[str, str]:
        """The validation metric that says which epoch is best, and `"max"` or `"min"`."""
        return self.task.monitor

    @property
    def images(self) -> Any:
        """The symbolic images (B, H, W, C) that it was built for; H and W None where any do."""
        return self.input["image"] if isinstance(self.input, Mapping) else self.input

    @property
    def channels(self) -> int:
        """Channels of the images it takes."""
        return self.images.shape[-1]

    def check_size(self, size: tuple[int, int]) -> None:
        """Does nothing where images of `size` (H, W) can go through it.

        Raises:
            InputError: they cannot; the message names the nearest sides that can.
        """
        for side, built in zip(size, self.images.shape[1:3], strict=True):
            if built is not None and built != side:
                raise InputError(
                    f"{self.name} was built for images with a side of {built}, not {side}."
                )
            if self.sizes is not None and not self.sizes.legal(side):
                raise InputError(
                    f"{self.name} cannot take an image_size side of {side} as it is built here; "
                    f"the nearest that it can: {self.sizes.nearest(side)}."
                )

    @property
    def takes_proposals(self) -> bool:
        """Whether it takes `{"image": …, "proposals": …}`, boxes beside the images."""
        return isinstance(self.input, Mapping) and "proposals" in self.input

    @property
    def arguments(self) -> dict[str, Any]:
        """What the builder was called with."""
        return dict(self._arguments_given() if self._arguments_given else {})

    @property
    def loss_weights(self) -> dict[str, float]:
        """The factor that `compile()` gives the loss of each output that has one of its own."""
        return dict(self._loss_weights)

    def remember(self, architecture: str, arguments: Mapping[str, Any]) -> None:
        """Keeps the builder's name and arguments; called by the registry."""
        kept = dict(arguments)
        self.architecture = architecture
        # A plain dictionary attribute would be wrapped by Keras' tracking and change its type.
        self._arguments_given = lambda: kept

    def get_config(self) -> dict[str, Any]:
        if self.architecture is None:
            raise InputError(
                f"Model {self.name!r} was not made by a registered builder, so it cannot be saved "
                "by name; register the builder with zoo.register."
            )
        return {
            "architecture": self.architecture,
            "arguments": self.arguments,
            "dtype": self._made_with,
        }

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Any = None) -> Model:
        from zoo.registry import rebuild

        return rebuild(config["architecture"], config["arguments"], config.get("dtype"))

    def get_build_config(self) -> None:
        """None: a rebuilt model is built."""
        return None

    def compile(self, optimizer: Any = "adam", loss: Any = None, metrics: Any = None, **kwargs):
        """`keras.Model.compile`, with the task's losses and metrics where none are given.

        Args:
            optimizer: default Adam.
            loss: None for the task's defaults, one loss for every output, or a dictionary.
            metrics: None for the task's defaults, `[]` for none.
            **kwargs: as in Keras; `loss_weights`, a dictionary, replaces the model's own factors
                one by one.
        """
        defaults = self.task.loss(self)
        if loss is None:
            loss = defaults
        elif not isinstance(loss, Mapping):
            loss = {name: loss for name in defaults}
        if metrics is None:
            metrics = self.task.metrics(self)
        weights = kwargs.get("loss_weights")
        if self.loss_weights and (weights is None or isinstance(weights, Mapping)):
            factors = {**self.loss_weights, **(weights or {})}
            kwargs["loss_weights"] = {name: factors.get(name, 1.0) for name in loss}
        super().compile(optimizer=optimizer, loss=loss, metrics=metrics or None, **kwargs)

    def compile_from_config(self, config: dict[str, Any]) -> None:
        """Compiles again as saved; called by Keras when it reloads a file."""
        self.compile(**keras.saving.deserialize_keras_object(config))
        if self.optimizer is not None:
            self.optimizer.build(self.trainable_variables)

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        y, sample_weight = self._aligned(y, y_pred, sample_weight)
        return super().compute_loss(x, y, y_pred, sample_weight, training=training)

    def compute_metrics(self, x, y, y_pred, sample_weight=None):
        y, sample_weight = self._aligned(y, y_pred, sample_weight)
        return super().compute_metrics(x, y, y_pred, sample_weight)

    def get_metrics_result(self) -> dict[str, Any]:
        """As in Keras; the task's main output needs no prefix, however many outputs there are.

        `loss` stays the sum over all outputs, so the main output's own keeps its prefix.
        """
        prefix = f"{self.task.predictions[0]}_"
        results = super().get_metrics_result()
        return {
            key if key.removeprefix(prefix) in results else key.removeprefix(prefix): value
            for key, value in results.items()
        }

    def decode(self, outputs: Mapping[str, Any], transform: Any) -> dict[str, Any]:
        """Final answers, in pixels of the image that `frame` was made of, from raw outputs."""
        return self.task.decode(self, outputs, transform)

    def _aligned(self, y, y_pred, sample_weight):
        y = self.task.align(y, y_pred)
        if self.sizes is not None:
            y = {name: _central(value, y_pred[name]) for name, value in y.items()}
        if sample_weight is not None and not isinstance(sample_weight, Mapping):
            if self.sizes is not None and len(sample_weight.shape) > 2:
                sample_weight = _central(sample_weight, next(iter(y_pred.values())))
            sample_weight = {name: sample_weight for name in y}
        return y, sample_weight


def _central(target, output):
    """The middle of a map (B, H, W) that a smaller output (B, h, w, C) speaks of."""
    top = (target.shape[1] - output.shape[1]) // 2
    left = (target.shape[2] - output.shape[2]) // 2
    return target[:, top : top + output.shape[1], left : left + output.shape[2]]
