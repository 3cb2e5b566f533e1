"""Locally connected layer: a convolution with different filters at every position."""

from __future__ import annotations

import keras
from keras import ops

from zoo.errors import InputError
from zoo.layers.shapes import ConfiguredLayer, check_map, check_positive


@keras.saving.register_keras_serializable(package="zoo")
class LocallyConnected(ConfiguredLayer):
    """Convolution with different filters at every position, on maps (N, H, W, C) of known size.

    Args:
        filters: number of filters.
        kernel_size: side of the filters.
        stride: stride, in pixels.
        pad: zero padding on every side, in pixels.
    """

    def __init__(self, filters: int, kernel_size: int, stride: int = 1, pad: int = 0, **kwargs):
        super().__init__(**kwargs)
        self.filters = check_positive(filters, "filters")
        self.kernel_size = check_positive(kernel_size, "kernel_size")
        self.stride = check_positive(stride, "stride")
        self.pad = pad

    def build(self, input_shape):
        _, height, width, filters = self.compute_output_shape(input_shape)
        fan_in = self.kernel_size**2 * input_shape[-1]
        self.kernel = self.add_weight(
            name="kernel",
            shape=(height * width, fan_in, filters),
            # Keras' own initializers would count the positions as inputs.
            initializer=keras.initializers.RandomNormal(stddev=(2 / fan_in) ** 0.5),
        )
        self.bias = self.add_weight(
            name="bias", shape=(height, width, filters), initializer="zeros"
        )

    def call(self, inputs):
        _, height, width, filters = self.compute_output_shape(inputs.shape)
        border = (self.pad, self.pad)
        x = ops.pad(inputs, ((0, 0), border, border, (0, 0))) if self.pad else inputs
        last_row, last_column = self.stride * (height - 1), self.stride * (width - 1)
        parts = [
            x[:, i : i + last_row + 1 : self.stride, j : j + last_column + 1 : self.stride]
            for i in range(self.kernel_size)
            for j in range(self.kernel_size)
        ]
        windows = ops.reshape(
            ops.concatenate(parts, axis=-1), (-1, height * width, self.kernel.shape[1])
        )
        # One matrix product per position.
        x = ops.matmul(ops.transpose(windows, (1, 0, 2)), self.kernel)
        x = ops.reshape(ops.transpose(x, (1, 0, 2)), (-1, height, width, filters))
        return x + self.bias

    def compute_output_shape(self, input_shape):
        batch, height, width, _ = check_map(input_shape, "LocallyConnected")
        if height is None or width is None:
            raise InputError(
                f"LocallyConnected: height and width must be known, not {height} and {width}."
            )
        sides = [(n + 2 * self.pad - self.kernel_size) // self.stride + 1 for n in (height, width)]
        if min(sides) < 1:
            raise InputError(
                f"kernel_size must be at most the sides of {height}×{width}, "
                f"not {self.kernel_size}."
            )
        return batch, *sides, self.filters
