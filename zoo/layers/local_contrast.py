"""Local contrast normalization, the input of early scene-labeling networks."""

from __future__ import annotations

import keras
from keras import ops

from zoo.errors import InputError
from zoo.layers.shapes import ConfiguredLayer, check_map, check_positive

# Luma and color differences of ITU-R BT.601.
_TO_YUV = (
    (0.299, -0.168736, 0.5),
    (0.587, -0.331264, -0.418688),
    (0.114, 0.5, -0.081312),
)


@keras.saving.register_keras_serializable(package="zoo")
class LocalNormalization(ConfiguredLayer):
    """Subtracts the mean of each pixel's neighborhood and divides by its standard deviation.

    Takes maps (N, H, W, C) of any size; each channel is normalized separately, in float32, and
    neighborhoods end at the border.

    Args:
        size: side of the neighborhood, odd, in pixels.
        floor: smallest standard deviation to divide by, in units of the input.
    """

    def __init__(self, size: int = 15, floor: float = 0.05, **kwargs):
        super().__init__(autocast=False, **kwargs)
        self.size = check_positive(size, "size")
        if self.size % 2 == 0:
            raise InputError(f"size must be odd, not {size!r}.")
        if floor <= 0:
            raise InputError(f"floor must be above 0, not {floor!r}.")
        self.floor = float(floor)

    def call(self, inputs):
        x = ops.cast(inputs, "float32")
        centered = x - self._mean(x)
        variance = self._mean(ops.square(centered))
        # The floor inside the root keeps the gradient finite.
        deviation = ops.sqrt(ops.maximum(variance, self.floor**2))
        return ops.cast(centered / deviation, self.compute_dtype)

    def _mean(self, x):
        """Mean of the pixels inside the map, along one axis and then along the other."""
        for window in ((self.size, 1), (1, self.size)):
            x = ops.average_pool(x, window, strides=1, padding="same", data_format="channels_last")
        return x

    def compute_output_shape(self, input_shape):
        return check_map(input_shape, "LocalNormalization")


@keras.saving.register_keras_serializable(package="zoo")
class ToYUV(keras.layers.Layer):
    """Converts RGB (N, H, W, 3) to luma and two color differences, in the same units."""

    def call(self, inputs):
        return ops.matmul(inputs, ops.convert_to_tensor(_TO_YUV, dtype=inputs.dtype))

    def compute_output_shape(self, input_shape):
        shape = check_map(input_shape, "ToYUV")
        if shape[3] != 3:
            raise InputError(f"the number of channels must be 3, not {shape[3]!r}.")
        return shape
