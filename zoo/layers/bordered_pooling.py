"""Max pooling with the padding of Darknet."""

from __future__ import annotations

import keras
from keras import ops

from zoo.layers.shapes import MapLayer, check_map, check_positive, height_width


@keras.saving.register_keras_serializable(package="zoo")
class BorderedMaxPooling(MapLayer):
    """The largest of each size×size window, windows reaching over the border on both sides.

    The first window starts padding // 2 before the map and there are
    (side + padding − size) // stride + 1 of them, as in Darknet; "same" pooling differs for strides
    above 1. The border repeats the map's edge, which changes no maximum and, unlike −∞, can be
    quantized.

    Args:
        size: side of the windows, in pixels.
        stride: stride of the windows, in pixels.
        padding: padding of both sides together, below 2·size.
    """

    def __init__(self, size: int, stride: int, padding: int, **kwargs):
        super().__init__(**kwargs)
        self.size = check_positive(size, "size")
        self.stride = check_positive(stride, "stride")
        self.padding = padding

    def call(self, inputs):
        x = inputs
        for axis, side in enumerate(height_width(inputs), 1):
            count = (side + self.padding - self.size) // self.stride + 1
            reach = (count - 1) * self.stride + self.size
            line = ops.arange(reach, dtype="int32") - self.padding // 2
            x = ops.take(x, ops.clip(line, 0, side - 1), axis=axis)
        return ops.max_pool(x, self.size, self.stride, padding="valid")

    def compute_output_shape(self, input_shape):
        batch, height, width, channels = check_map(input_shape, "BorderedMaxPooling")
        sides = (
            None if n is None else (n + self.padding - self.size) // self.stride + 1
            for n in (height, width)
        )
        return (batch, *sides, channels)
