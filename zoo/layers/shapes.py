"""Checks and utilities of maps (N, H, W, C) whose height and width may be unknown."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from zoo.argument_checks import arguments_of
from zoo.errors import InputError


def check_map(shape, layer: str) -> tuple:
    """Returns a map shape (N, H, W, C) as a tuple."""
    shape = tuple(shape)
    if len(shape) != 4:
        raise InputError(f"{layer}: the shape must be (N, H, W, C), not {shape}.")
    return shape


def check_pair(shapes, layer: str) -> tuple[tuple, tuple]:
    """Returns the map shapes of maps and a reference."""
    if len(shapes) != 2 or not isinstance(shapes[0], (tuple, list)):
        raise InputError(f"{layer}: inputs must be [maps, reference], not shapes {shapes}.")
    return check_map(shapes[0], layer), check_map(shapes[1], layer)


def check_positive(value, name: str) -> int:
    """Returns a positive whole number as an int."""
    if isinstance(value, bool) or int(value) != value or value < 1:
        raise InputError(f"{name} must be a whole number of at least 1, not {value!r}.")
    return int(value)


class ConfiguredLayer(keras.layers.Layer):
    """Base of layers that keep the arguments of `__init__` as attributes of the same names."""

    def get_config(self):
        return {**super().get_config(), **arguments_of(self)}


class MapLayer(ConfiguredLayer):
    """Base of layers without weights on maps (N, H, W, C), in the dtype of the first input.

    Mixed precision does not apply: pixels stay uint8 and float32 logits stay float32.
    """

    def __init__(self, **kwargs):
        super().__init__(autocast=False, **kwargs)

    def compute_output_spec(self, inputs):
        if isinstance(inputs, (list, tuple)):
            shape = self.compute_output_shape([x.shape for x in inputs])
            return keras.KerasTensor(shape, inputs[0].dtype)
        return keras.KerasTensor(self.compute_output_shape(inputs.shape), inputs.dtype)


def height_width(x) -> tuple[Any, Any]:
    """Returns height and width of a map, integers where known and scalar tensors elsewhere."""
    shape = ops.shape(x)
    return shape[1], shape[2]


def times(size: int | None, factor: int) -> int | None:
    """Multiplies a static size; None stays None."""
    return None if size is None else size * factor


def interleave(cells: list[list]):
    """Interleaves a k×k table of maps (N, H, W, C) into one map (N, k·H, k·W, C).

    Pixel (k·y + i, k·x + j) of the result is pixel (y, x) of `cells[i][j]`.
    """
    factor, channels = len(cells), cells[0][0].shape[-1]
    height, width = height_width(cells[0][0])
    rows = [
        ops.reshape(ops.concatenate(row, axis=-1), (-1, height, width * factor, channels))
        for row in cells
    ]
    # In memory, adjacent rows are consecutive rows of a map k times as high.
    stacked = ops.concatenate(rows, axis=2)
    return ops.reshape(stacked, (-1, height * factor, width * factor, channels))
