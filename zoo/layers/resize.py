"""Resizing to any height and width inside the graph."""

from __future__ import annotations

import keras
from keras import ops

from zoo.argument_checks import check_choice
from zoo.layers.shapes import MapLayer, check_map, check_pair, check_positive, height_width

INTERPOLATIONS = ("bilinear", "bilinear_aligned", "nearest")


def resize(x, height, width, interpolation: str = "bilinear"):
    """Resizes maps (N, H, W, C) to (N, height, width, C) in their dtype, inside a layer's `call`.

    Height and width are integers or scalar int32 tensors. `"bilinear"` and `"nearest"` have
    half-pixel centers, `"bilinear_aligned"` aligns the centers of the corner pixels. It consists of
    gathers because XLA has no kernel for the gradient of TensorFlow's nearest resize, and its
    bilinear resize is wrong for many sizes.
    """
    return _resize_axis(_resize_axis(x, 1, height, interpolation), 2, width, interpolation)


def _resize_axis(x, axis: int, new, interpolation: str):
    old = height_width(x)[axis - 1]
    if isinstance(old, int) and isinstance(new, int) and old == new:
        return x
    if interpolation == "nearest":
        line = ops.arange(new, dtype="int32")
        return ops.take(x, (2 * line + 1) * old // (2 * new), axis=axis)
    position = _positions(old, new, interpolation)
    before = ops.floor(position)
    line = ops.cast(before, "int32")
    # Half precision would blur the fractions.
    dtype = "float64" if keras.backend.standardize_dtype(x.dtype) == "float64" else "float32"
    weight = ops.cast(position - before, dtype)
    weight = ops.reshape(weight, (1, -1, 1, 1) if axis == 1 else (1, 1, -1, 1))
    first = ops.cast(ops.take(x, line, axis=axis), dtype)
    second = ops.cast(ops.take(x, ops.minimum(line + 1, old - 1), axis=axis), dtype)
    return ops.cast(first + (second - first) * weight, x.dtype)


def _positions(old, new, interpolation: str):
    """Positions of the new lines between the old ones, in [0, old − 1]."""
    line = ops.cast(ops.arange(new, dtype="int32"), "float32")
    last = ops.cast(old - 1, "float32")
    if interpolation == "bilinear_aligned":
        return line * last / ops.cast(ops.maximum(new - 1, 1), "float32")
    center = (line + 0.5) * ops.cast(old, "float32") / ops.cast(new, "float32") - 0.5
    return ops.clip(center, 0.0, last)


class _Resize(MapLayer):
    def __init__(self, interpolation: str = "bilinear", **kwargs):
        super().__init__(**kwargs)
        self.interpolation = check_choice("interpolation", interpolation, INTERPOLATIONS)


@keras.saving.register_keras_serializable(package="zoo")
class ResizeTo(_Resize):
    """Resizes maps (N, H, W, C) to a fixed height and width.

    Args:
        height: height of the result, in pixels.
        width: width of the result, in pixels.
        interpolation: `"bilinear"`, `"bilinear_aligned"` or `"nearest"`, see `resize`.
    """

    def __init__(self, height: int, width: int, interpolation: str = "bilinear", **kwargs):
        super().__init__(interpolation=interpolation, **kwargs)
        self.height = check_positive(height, "height")
        self.width = check_positive(width, "width")

    def call(self, inputs):
        return resize(inputs, self.height, self.width, self.interpolation)

    def compute_output_shape(self, input_shape):
        shape = check_map(input_shape, "ResizeTo")
        return shape[0], self.height, self.width, shape[3]


@keras.saving.register_keras_serializable(package="zoo")
class ResizeLike(_Resize):
    """Resizes the maps of `[maps, reference]` to the height and width of the reference.

    Args:
        interpolation: `"bilinear"`, `"bilinear_aligned"` or `"nearest"`, see `resize`.
    """

    def call(self, inputs):
        maps, reference = inputs
        return resize(maps, *height_width(reference), self.interpolation)

    def compute_output_shape(self, input_shape):
        maps, reference = check_pair(input_shape, "ResizeLike")
        return maps[0], reference[1], reference[2], maps[3]
