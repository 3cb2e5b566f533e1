"""Darknet's reorg: a map of half the size and four times the depth, in an order of its own."""

from __future__ import annotations

import keras
from keras import ops

from zoo.errors import InputError
from zoo.layers.shapes import MapLayer, check_map, check_positive, height_width


@keras.saving.register_keras_serializable(package="zoo")
class Reorg(MapLayer):
    """Every `stride`² pixels become the channels of one, as Darknet's code orders them.

    Darknet reads the memory of a (C, H, W) map as if it were (C / s², H·s, W·s), puts space into
    depth there, and reads the result as (C·s², H / s, W / s). This is not plain space-to-depth:
    weights trained by the one are wrong for the other (Redmon & Farhadi, CVPR 2017, and its code).

    Args:
        stride: s.

    Raises:
        InputError: sides that do not divide by s, or channels that do not divide by s².
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
                f"Reorg of stride {s} takes sides that divide by {s} and channels that divide by "
                f"{s**2}, not {height}×{width}×{channels}."
            )
        return batch, *(None if n is None else n // s for n in (height, width)), channels * s**2

    def get_config(self):
        return {**super().get_config(), "stride": self.stride}
