"""The model that every builder returns: a functional `keras.Model` with a task."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import keras

from zoo.argument_checks import check_choice
from zoo.catalog import card
from zoo.checked_fitting import CheckedFitting
from zoo.errors import InputError
from zoo.inference.image_transform import RESIZE_RULES
from zoo.precision import PrecisionScope
from zoo.tasks import TASKS, Task
from zoo.tasks.label_limits import LabelLimit
from zoo.valid_sizes import ValidSizes


@dataclasses.dataclass
class _SavedValues:
    """Values in the config of a model; in an object, whose attributes Keras does not convert."""

    arguments: dict[str, Any] = dataclasses.field(default_factory=dict)
    image_size: tuple[int, int] | None = None
    resize: str = "native"
    class_names: tuple[str, ...] = ()


@keras.saving.register_keras_serializable(package="zoo")
class Model(CheckedFitting):
    """A functional model with a task.

    `model(images)` takes RGB pixels in [0, 255] (B, H, W, C), uint8 or float, and returns a
    dictionary of raw outputs; `zoo.predict(model, images)` gives predictions. A model that takes
    proposals takes a dictionary of `image` and `proposals` (B, P, 4), boxes in pixels.
    `compile()` without losses takes the task's; `fit` takes `(images, targets)` where `targets` is
    a dictionary of the task's target keys. A `.keras` file stores the builder's name and arguments
    and is loaded by rebuilding.

    Args:
        inputs: inputs of the functional model.
        outputs: dictionary of outputs.
        task: name of the task.
        sizes: legal sizes and border loss of a network of valid convolutions; None for others.
        loss_weights: factors of the outputs' losses, where they are not 1.
        name: name of the model.
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
        self.architecture: str | None = None
        self._dtype_policy_of_build = keras.dtype_policies.serialize(keras.config.dtype_policy())
        self._loss_weights = tuple((loss_weights or {}).items())
        self._saved = _SavedValues()

    @property
    def task(self) -> Task:
        """The `zoo.tasks.Task` of this model."""
        return TASKS[self.task_name]

    @property
    def monitor(self) -> tuple[str, str]:
        """The validation metric that decides which epoch is best, and `"max"` or `"min"`."""
        return self.task.monitor

    @property
    def images(self) -> Any:
        """The symbolic images (B, H, W, C) of the input; H and W are None for any size."""
        return self.input["image"] if isinstance(self.input, Mapping) else self.input

    @property
    def channels(self) -> int:
        """Number of channels of the input images."""
        return self.images.shape[-1]

    def check_size(self, size: Sequence[int]) -> None:
        """Raises InputError if the model does not take images of `size` (H, W)."""
        for side, built in zip(size, self.images.shape[1:3], strict=True):
            if built is not None and built != side:
                raise InputError(
                    f"{self.name}: an image side must be {built}, for which the model was built, "
                    f"not {side}."
                )
            if self.sizes is not None and not self.sizes.legal(side):
                raise InputError(
                    f"{self.name}: a side of image_size must be {self.sizes.nearest(side)} for "
                    f"this configuration, not {side}."
                )

    @property
    def takes_proposals(self) -> bool:
        """Whether the input is `{"image": …, "proposals": …}`."""
        return isinstance(self.input, Mapping) and "proposals" in self.input

    @property
    def arguments(self) -> dict[str, Any]:
        """Arguments with which the builder was called."""
        return dict(self._saved.arguments)

    @property
    def loss_weights(self) -> dict[str, float]:
        """Factors of the outputs' losses in `compile()`, where they are not 1."""
        return dict(self._loss_weights)

    @property
    def image_size(self) -> tuple[int, int] | None:
        """Model input size (H, W) of `zoo.predict`; None for the images' own size."""
        return self._saved.image_size

    @property
    def resize(self) -> str:
        """Resize rule of `zoo.predict`, one of `RESIZE_RULES`."""
        return self._saved.resize

    @property
    def class_names(self) -> tuple[str, ...]:
        """Class names by class index (keypoint names, for a pose); empty where not set."""
        return self._saved.class_names

    @class_names.setter
    def class_names(self, names: Iterable[str]) -> None:
        self._saved.class_names = tuple(map(str, names))

    def set_transform(self, image_size: Sequence[int] | None, resize: str) -> None:
        """Sets the image transform that `zoo.predict` uses by default; it is saved with the model.

        Args:
            image_size: model input size (H, W); None for the images' own size.
            resize: one of `RESIZE_RULES`.

        Raises:
            InputError: if `resize` is unknown, or the model does not take `image_size`.
        """
        check_choice("resize", resize, RESIZE_RULES)
        size = None
        if image_size is not None and resize != "native":
            self.check_size(image_size)
            size = (int(image_size[0]), int(image_size[1]))
        self._saved.image_size, self._saved.resize = size, resize if size else "native"

    @property
    def label_limits(self) -> list[LabelLimit]:
        """Limits of the labels that this model takes in training."""
        return self.task.label_limits(self)

    def remember(self, architecture: str, arguments: Mapping[str, Any]) -> None:
        """Stores the builder's name and arguments; called by the registry."""
        self.architecture = architecture
        self._saved.arguments = dict(arguments)

    def rebuild(self, dtype: str | dict | None = None, **arguments: Any) -> Any:
        """Builds the same architecture again, with new initial values and some other arguments."""
        config = self.get_config()
        config["arguments"].update(arguments)
        return Model.from_config({**config, "dtype": dtype or config["dtype"]})

    def get_config(self) -> dict[str, Any]:
        if self.architecture is None:
            raise InputError(
                f"Model {self.name!r} was not made by a registered builder, so it cannot be saved "
                "by name; register the builder with zoo.register."
            )
        return {
            "architecture": self.architecture,
            "dtype": self._dtype_policy_of_build,
            **vars(self._saved),
            "arguments": self.arguments,
        }

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Any = None) -> Model:
        architecture, arguments = config["architecture"], config["arguments"]
        if "weights" in arguments:
            raise InputError(
                f"{architecture}: the arguments in a model file must not contain 'weights'; "
                "the file holds the weights."
            )
        with PrecisionScope(config.get("dtype")):
            model = card(architecture).builder(**arguments)
        model.set_transform(config.get("image_size"), config.get("resize", "native"))
        model.class_names = config.get("class_names", ())
        return model

    def get_build_config(self) -> None:
        """Returns None, since a rebuilt model is already built."""
        return None

    def fit(self, x: Any = None, *args: Any, **kwargs: Any) -> Any:
        """Trains the model, as `keras.Model.fit`.

        The training batches of `training.load_data` also set the image transform and the class
        names of a model that has none.

        Raises:
            InputError: if labels go beyond the model's classes, in arrays before training, else
                before the first step on a batch that has such a label.
        """
        settings = getattr(x, "model_settings", None)
        if settings is not None and self.image_size is None and not self.class_names:
            self.set_transform(settings["image_size"], settings["resize"])
            self.class_names = settings["class_names"]
        return super().fit(x, *args, **kwargs)

    def compile(self, optimizer: Any = "adam", loss: Any = None, metrics: Any = None, **kwargs):
        """Configures the model for training, as `keras.Model.compile`.

        Args:
            optimizer: optimizer (Adam).
            loss: one loss for every output, or a dictionary by output; None for the task's.
            metrics: metrics as in Keras; None for the task's, `[]` for none.
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
        # Keras keeps the metrics of an earlier `compile` where there are none.
        self._compile_metrics = None
        super().compile(optimizer=optimizer, loss=loss, metrics=metrics or None, **kwargs)

    def compile_from_config(self, config: dict[str, Any]) -> None:
        """Compiles again as saved; called by Keras when it loads a file."""
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
        """Returns the metrics as in Keras, without the prefix of the task's main output.

        `loss` stays the sum over all outputs, so the main output's own keeps its prefix.
        """
        prefix = f"{self.task.predictions[0]}_"
        results = super().get_metrics_result()
        return {
            key if key.removeprefix(prefix) in results else key.removeprefix(prefix): value
            for key, value in results.items()
        }

    def decode(self, outputs: Mapping[str, Any], transform: Any) -> dict[str, Any]:
        """Returns the predictions, in pixels of the original images, of raw outputs by name."""
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
    """The middle of a map (B, H, W) that a smaller output (B, h, w, C) covers."""
    top = (target.shape[1] - output.shape[1]) // 2
    left = (target.shape[2] - output.shape[2]) // 2
    return target[:, top : top + output.shape[1], left : left + output.shape[2]]
