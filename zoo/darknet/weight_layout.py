"""Order and layout of a model's weights in Darknet's files."""

from __future__ import annotations

import dataclasses
import math
import re
from collections.abc import Iterator

import keras
import numpy as np

from zoo.errors import InputError
from zoo.layers.locally_connected import LocallyConnected
from zoo.model import Model

_DARKNET19 = r"darknet19_stage(\d+)_conv(\d+)"
_ORDERS = {
    "darknet19": (_DARKNET19, r"darknet19_predictions"),
    "yolo_v1": (r"conv(\d+)", r"dense(\d+)"),
    "yolo_v2": (_DARKNET19, r"conv(\d+)"),
    "yolo9000": (_DARKNET19, r"conv(\d+)"),
    "darknet": (r"layer(\d+)",),
}
"""Patterns of the names of layers with weights by architecture, in order."""


@dataclasses.dataclass(frozen=True)
class Part:
    """A contiguous part of a file; `layer` of batch normalization is the layer before it.

    The name is `"weights"`, `"biases"`, `"scales"`, `"means"` or `"variances"`.
    """

    layer: keras.layers.Layer
    name: str
    variable: keras.Variable

    @property
    def count(self) -> int:
        """Number of values."""
        return math.prod(self.variable.shape)

    def to_file(self, value: np.ndarray, transposed: bool) -> np.ndarray:
        """Returns a variable's value in the file's order: channels before rows before columns."""
        if self.name == "biases" and value.ndim == 3:
            return value.transpose(2, 0, 1)
        if self.name != "weights":
            return value
        if isinstance(self.layer, keras.layers.Conv2D):
            return value.transpose(3, 2, 0, 1)
        if isinstance(self.layer, LocallyConnected):
            return value.reshape(self._local_shape).transpose(0, 4, 3, 1, 2)
        return value if transposed else value.T

    def from_file(self, flat: np.ndarray, transposed: bool) -> np.ndarray:
        """Returns a variable's value from the file's values."""
        shape = tuple(self.variable.shape)
        if self.name == "biases" and len(shape) == 3:
            return flat.reshape(shape[2], *shape[:2]).transpose(1, 2, 0)
        if self.name != "weights":
            return flat.reshape(shape)
        if isinstance(self.layer, keras.layers.Conv2D):
            height, width, channels, filters = shape
            return flat.reshape(filters, channels, height, width).transpose(2, 3, 1, 0)
        if isinstance(self.layer, LocallyConnected):
            places, size, _, channels, filters = self._local_shape
            flat = flat.reshape(places, filters, channels, size, size)
            return flat.transpose(0, 3, 4, 2, 1).reshape(shape)
        return flat.reshape(shape) if transposed else flat.reshape(shape[::-1]).T

    @property
    def _local_shape(self) -> tuple[int, int, int, int, int]:
        places, fan_in, filters = self.variable.shape
        size = self.layer.kernel_size
        return places, size, size, fan_in // size**2, filters


def parts_of(model: Model) -> list[Part]:
    """Returns the parts of a model's file in order; raises InputError if it cannot hold one."""
    patterns = _ORDERS.get(str(model.architecture))
    if patterns is None:
        raise InputError(
            f"{model.architecture} has no .weights files. Available: {', '.join(_ORDERS)}."
        )
    parts = [part for layer in _in_order(model, patterns) for part in _parts(model, layer)]
    held = {id(part.variable) for part in parts} | {id(getattr(model, "seen", None))}
    for variable in model.weights:
        if id(variable) not in held and "seed_generator" not in variable.path:
            raise InputError(
                f"{variable.path}: Darknet's files have no place for this weight; use "
                "convolutions, connected and local layers with norm 'batch' or 'none'."
            )
    return parts


def _in_order(model: Model, patterns: tuple[str, ...]) -> list[keras.layers.Layer]:
    matches = []
    for layer in model.layers:
        for turn, pattern in enumerate(patterns):
            match = re.fullmatch(pattern, layer.name)
            if match and layer.weights:
                matches.append(((turn, *map(int, match.groups())), layer))
    return [layer for _, layer in sorted(matches, key=lambda entry: entry[0])]


def _parts(model: Model, layer: keras.layers.Layer) -> Iterator[Part]:
    """The kernel comes last in convolutions, and after the biases in connected layers."""
    names = {each.name for each in model.layers}
    norm = model.get_layer(f"{layer.name}_norm") if f"{layer.name}_norm" in names else None
    kernel = Part(layer, "weights", layer.kernel)
    if not isinstance(norm, keras.layers.BatchNormalization):
        if layer.bias is not None:
            yield Part(layer, "biases", layer.bias)
        yield kernel
        return
    scales = [
        Part(layer, "scales", norm.gamma),
        Part(layer, "means", norm.moving_mean),
        Part(layer, "variances", norm.moving_variance),
    ]
    yield Part(layer, "biases", norm.beta)
    if isinstance(layer, keras.layers.Dense):
        yield kernel
        yield from scales
    else:
        yield from scales
        yield kernel
