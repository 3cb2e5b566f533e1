"""Specification of an export: model, class names, image transform."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import keras
import tensorflow as tf

import zoo
from zoo.class_names import class_names_of
from zoo.errors import InputError
from zoo.files.atomic_writes import replacing
from zoo.images.graph_decoding import FORMATS
from zoo.inference.inference_options import PLAIN, InferenceOptions
from zoo.inference.prediction import resolve_transform
from zoo.inference.thresholds import recording_thresholds


@dataclasses.dataclass(frozen=True)
class ExportSpec:
    """Specification of an export.

    Attributes:
        model: model of the zoo, in float32.
        labels: class names.
        image_size: model input size (H, W) in pixels; None for the images' own size.
        resize: resize rule, see `zoo.inference.image_transform`.
        options: test-time options (tiling, multi-scale, flip) inside the file.
    """

    model: zoo.Model
    labels: tuple[str, ...]
    image_size: tuple[int, int] | None = None
    resize: str = "native"
    options: InferenceOptions = PLAIN

    @classmethod
    def from_model(
        cls,
        model: zoo.Model,
        labels: Sequence[str] | None = None,
        image_size: Sequence[int] | None = None,
        resize: str | None = None,
        options: InferenceOptions = PLAIN,
    ) -> ExportSpec:
        """Returns the spec of a model, rebuilt in float32 where it was built in mixed precision.

        Args:
            model: model of the zoo.
            labels: class names; by default those that the model remembers, else class indices.
            image_size: model input size (H, W) in pixels; by default the one the model remembers.
            resize: `"letterbox"`, `"stretch"`, or `"native"` for the images' own size; by default
                the rule that the model remembers, else `"letterbox"` where a size is given.
            options: test-time options.

        Raises:
            InputError: if the backend is not TensorFlow, or the model's task does not have the
                test-time options.
        """
        options.check(model.task_name)
        if keras.backend.backend() != "tensorflow":
            raise InputError(
                f"export needs the TensorFlow backend, not {keras.backend.backend()}; the weights "
                "are the same: run it with KERAS_BACKEND=tensorflow."
            )
        labels = class_names_of(model) if labels is None else tuple(labels)
        size = None if image_size is None else (int(image_size[0]), int(image_size[1]))
        size, resize = resolve_transform(model, size, resize)
        return cls(_in_float32(model), labels, size, resize, options)

    @property
    def channels(self) -> int:
        """Channels of the images."""
        return self.model.channels

    @property
    def takes_proposals(self) -> bool:
        """Whether the file takes proposals beside the images."""
        return self.model.takes_proposals

    @property
    def finds_boxes(self) -> bool:
        """Whether the predictions are boxes selected by thresholds."""
        return self.model.task_name in ("detection", "instances")

    def options_json(self, thresholds: dict[str, Any] | None = None, encoded: bool = False) -> str:
        """Returns the `….options.json` of an exported file.

        Args:
            thresholds: thresholds of a file that takes them.
            encoded: whether the file takes encoded images.
        """
        values = {
            "architecture": self.model.architecture,
            "arguments": self.model.arguments,
            "image_size": self.image_size,
            "resize": self.resize,
            "inference": self.options.to_dict(),
        }
        if thresholds is not None:
            values["thresholds"] = thresholds
        if encoded:
            values["serve_bytes"] = {
                "formats": FORMATS,
                "frames": "first",
                "orientation": "EXIF of JPEG, PNG and WebP files applied",
                "bits_16": "high byte",
                "alpha": "dropped",
            }
        return json.dumps(values, indent=2) + "\n"

    def default_thresholds(self) -> dict[str, float | bool]:
        """Returns the model's own thresholds, recorded from a prediction for a blank image."""
        blank = tf.zeros((1, 64, 64, self.channels), tf.uint8)
        with recording_thresholds() as thresholds:
            self.predict(blank, proposals=tf.zeros((1, 1, 4)) if self.takes_proposals else None)
        return thresholds

    def predict(
        self, images: tf.Tensor, portable: bool = False, proposals: tf.Tensor | None = None
    ) -> dict[str, tf.Tensor]:
        """Returns the final predictions for images (B, H, W, C) uint8.

        A `portable` graph uses only operators that LiteRT has; `proposals` (B, P, 4) are in pixels.
        """
        return zoo.predict(
            self.model,
            images if proposals is None else {"image": images, "proposals": proposals},
            image_size=self.image_size,
            resize=self.resize if self.image_size else "native",
            portable=portable,
            options=self.options,
        )


def to_spec(model: zoo.Model | ExportSpec, arguments: dict[str, Any]) -> ExportSpec:
    """Returns `model` where it is a spec, else the spec of the model with `arguments`."""
    if not isinstance(model, ExportSpec):
        return ExportSpec.from_model(model, **arguments)
    if arguments:
        raise TypeError(f"{', '.join(arguments)}: set in the ExportSpec, not beside it.")
    return model


def write_export(
    path: Path, data: bytes, spec: ExportSpec, thresholds: dict[str, Any] | None = None
) -> Path:
    """Writes an exported file, and beside it `….labels.txt` and `….options.json`."""
    names = "".join(f"{label}\n" for label in spec.labels)
    contents = {
        path: data,
        path.with_suffix(".labels.txt"): names.encode(),
        path.with_suffix(".options.json"): spec.options_json(thresholds).encode(),
    }
    try:
        for target, content in contents.items():
            with replacing(target) as temporary:
                temporary.write_bytes(content)
    except OSError as error:
        raise InputError(f"{path}: cannot be written ({error.strerror}).") from error
    return path


def _in_float32(model: zoo.Model) -> zoo.Model:
    if all(layer.dtype_policy.name == "float32" for layer in model._flatten_layers()):
        return model
    plain = model.rebuild("float32")
    plain.set_weights(model.get_weights())
    return plain
