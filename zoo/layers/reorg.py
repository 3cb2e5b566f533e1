"""Darknet's reorg: a space-to-depth with its own order of channels."""

from __future__ import annotations

import keras
from keras import ops

from zoo.errors import InputError
from zoo.layers.shapes import MapLayer, check_map, check_positive, height_width


@keras.saving.register_keras_serializable(package="zoo")
class Reorg(MapLayer):
    """Moves blocks of stride² pixels into channels, in the order of Darknet's code.

    Darknet reads the memory of a (C, H, W) map as (C / s², H·s, W·s), applies space-to-depth, and
    reads the result as (C·s², H / s, W / s). Weights trained with it do not fit the plain
    space-to-depth (Redmon & Farhadi, CVPR 2017, and its code).

    Args:
        stride: side s of the blocks, in pixels.
    """

    def __init__(self, stride: int = 2, **kwargs):
        super().__init__(**kwargs)
        self.stride = check_positive(stride, "stride")

    def call(self, inputs):
        s, channels = self.stride, inputs.shape[-1]
        height, width = height_width(inputs)
        x = ops.transpose(inputs, (0, 3, 1, 2))
        x = ops.reshape(x, (-1, channels // s**2, height, s, width, s))
        x = ops.transpose(x, (0, 3, 5, 1, 2, 4))
        x = ops.reshape(x, (-1, channels * s**2, height // s, width // s))
        return ops.transpose(x, (0, 2, 3, 1))

    def compute_output_shape(self, input_shape):
        batch, height, width, channels = check_map(input_shape, "Reorg")
        s = self.stride
        if channels % s**2 or any(side is not None and side % s for side in (height, width)):
            raise InputError(
                f"sides must be multiples of {s} and channels of {s**2}, "
                f"not {height}×{width}×{channels}."
            )
        return batch, *(None if n is None else n // s for n in (height, width)), channels * s**2
