"""Resizing to any height and width inside the graph, also when they are unknown beforehand."""

from __future__ import annotations

import keras
from keras import ops

from zoo.errors import InputError
from zoo.layers._shapes import MapLayer, check_map, check_pair, check_positive, height_width
from zoo.layers.padding import CropLike, PadToMultiple

__all__ = [
    "CropLike",
    "INTERPOLATIONS",
    "PadToMultiple",
    "ResizeLike",
    "ResizeTo",
    "resize",
]

INTERPOLATIONS = ("bilinear", "bilinear_aligned", "nearest")


def resize(x, height, width, interpolation: str = "bilinear"):
    """Resize maps (N, H, W, C) to (N, height, width, C), keeping their dtype.

    Args:
        x: maps, inside a layer's `call` (a tensor, not a `KerasTensor`).
        height, width: whole numbers, or scalar int32 tensors on TensorFlow.
        interpolation: "bilinear" samples at half-pixel centres; "bilinear_aligned" puts the
            corners of the result on the centres of the corner pixels; "nearest" takes the pixel
            that a half-pixel centre falls into.
    """
    if interpolation == "bilinear_aligned":
        return _resize_aligned(x, height, width)
    if keras.backend.backend() == "tensorflow":
        # keras.ops.image.resize does not accept sizes that are tensors.
        import tensorflow as tf

        return ops.cast(tf.image.resize(x, (height, width), method=interpolation), x.dtype)
    resized = ops.image.resize(x, (height, width), interpolation, data_format="channels_last")
    return ops.cast(resized, x.dtype)


def _resize_aligned(x, height, width):
    old_height, old_width = height_width(x)
    maps = ops.cast(x, "float32")
    maps = ops.matmul(_aligned_weights(old_width, width), maps)
    maps = ops.transpose(maps, (0, 2, 1, 3))
    maps = ops.matmul(_aligned_weights(old_height, height), maps)
    return ops.cast(ops.transpose(maps, (0, 2, 1, 3)), x.dtype)


def _aligned_weights(old, new):
    """The (new, old) matrix of linear interpolation that keeps both ends in place."""
    steps = ops.cast(ops.maximum(new - 1, 1), "float32")
    position = ops.cast(ops.arange(new), "float32") * ops.cast(old - 1, "float32") / steps
    pixel = ops.cast(ops.arange(old), "float32")
    return ops.relu(1.0 - ops.abs(position[:, None] - pixel[None, :]))


class _Resize(MapLayer):
    def __init__(self, interpolation: str = "bilinear", **kwargs):
        super().__init__(**kwargs)
        if interpolation not in INTERPOLATIONS:
            known = ", ".join(INTERPOLATIONS)
            raise InputError(f"interpolation={interpolation!r} is unknown; use one of {known}")
        self.interpolation = interpolation

    def get_config(self):
        return {**super().get_config(), "interpolation": self.interpolation}


@keras.saving.register_keras_serializable(package="zoo")
class ResizeTo(_Resize):
    """Resize maps (N, H, W, C) to a fixed height and width, in pixels."""

    def __init__(self, height: int, width: int, interpolation: str = "bilinear", **kwargs):
        super().__init__(interpolation=interpolation, **kwargs)
        self.height = check_positive(height, "height")
        self.width = check_positive(width, "width")

    def call(self, inputs):
        return resize(inputs, self.height, self.width, self.interpolation)

    def compute_output_shape(self, input_shape):
        shape = check_map(input_shape, "ResizeTo")
        return shape[0], self.height, self.width, shape[3]

    def get_config(self):
        return {**super().get_config(), "height": self.height, "width": self.width}


@keras.saving.register_keras_serializable(package="zoo")
class ResizeLike(_Resize):
    """Resize the maps of `[maps, reference]` to the height and width of the reference."""

    def call(self, inputs):
        maps, reference = inputs
        return resize(maps, *height_width(reference), self.interpolation)

    def compute_output_shape(self, input_shape):
        maps, reference = check_pair(input_shape, "ResizeLike")
        return maps[0], reference[1], reference[2], maps[3]
