"""Small tools on (N, H, W, C) tensors whose height and width may be unknown."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from zoo.errors import InputError


def check_map(shape, layer: str) -> tuple:
    """Return `shape` as a tuple, or raise InputError if it is not (N, H, W, C)."""
    shape = tuple(shape)
    if len(shape) != 4:
        raise InputError(f"{layer} takes maps of shape (N, H, W, C), got {shape}")
    return shape


def check_pair(shapes, layer: str) -> tuple[tuple, tuple]:
    """Return two map shapes, or raise InputError if `shapes` is not a list of two maps."""
    if len(shapes) != 2 or not isinstance(shapes[0], (tuple, list)):
        raise InputError(f"{layer} takes a list [maps, reference], got shapes {shapes}")
    return check_map(shapes[0], layer), check_map(shapes[1], layer)


def check_positive(value, what: str) -> int:
    """Return `value` as an int, or raise InputError if it is not a whole number above zero."""
    if isinstance(value, bool) or int(value) != value or value < 1:
        raise InputError(f"{what} must be a whole number of at least 1, got {value!r}")
    return int(value)


class MapLayer(keras.layers.Layer):
    """A layer without weights on maps (N, H, W, C) that keeps the dtype of the (first) input.

    Mixed precision must not touch it: pixels stay uint8 and float32 logits stay float32.
    """

    def __init__(self, **kwargs):
        super().__init__(autocast=False, **kwargs)

    def compute_output_spec(self, inputs):
        if isinstance(inputs, (list, tuple)):
            shape = self.compute_output_shape([x.shape for x in inputs])
            return keras.KerasTensor(shape, inputs[0].dtype)
        return keras.KerasTensor(self.compute_output_shape(inputs.shape), inputs.dtype)


def height_width(x) -> tuple[Any, Any]:
    """Height and width of a map: ints where they are known, scalar tensors where not."""
    shape = ops.shape(x)
    return shape[1], shape[2]


def times(size: int | None, factor: int) -> int | None:
    """A static size multiplied, keeping None for an unknown one."""
    return None if size is None else size * factor


def interleave(cells: list[list]):
    """Weave a k x k table of (N, H, W, C) maps into one (N, kH, kW, C) map.

    Pixel (k*y + i, k*x + j) of the result is pixel (y, x) of `cells[i][j]`.
    """
    factor, channels = len(cells), cells[0][0].shape[-1]
    height, width = height_width(cells[0][0])
    rows = [
        ops.reshape(ops.concatenate(row, axis=-1), (-1, height, width * factor, channels))
        for row in cells
    ]
    # Rows side by side are, in memory, rows below each other of a map k times as high.
    stacked = ops.concatenate(rows, axis=2)
    return ops.reshape(stacked, (-1, height * factor, width * factor, channels))
