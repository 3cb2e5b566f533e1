"""Local contrast normalisation, as early scene-labelling networks fed their input."""

from __future__ import annotations

import keras
from keras import ops

from zoo.errors import InputError
from zoo.layers.shapes import check_map, check_positive

# Luma and two colour differences of ITU-R BT.601, each in −0.5…0.5 or 0…1.
_TO_YUV = (
    (0.299, -0.168736, 0.5),
    (0.587, -0.331264, -0.418688),
    (0.114, 0.5, -0.081312),
)


@keras.saving.register_keras_serializable(package="zoo")
class LocalNormalization(keras.layers.Layer):
    """Subtract the mean of each pixel's neighbourhood and divide by its deviation.

    Maps (N, H, W, C) of any size; each channel for itself, computed in float32; beyond the border
    there is nothing, so neighbourhoods are smaller there. Deviations below `floor` count as
    `floor`, so that flat regions stay near zero.

    Args:
        size: side of the neighbourhood, odd, in pixels.
        floor: smallest deviation to divide by, in units of the input.

    Raises:
        InputError: for an even size or a floor that is not above 0.
    """

    def __init__(self, size: int = 15, floor: float = 0.05, **kwargs):
        super().__init__(autocast=False, **kwargs)
        self.size = check_positive(size, "size")
        if self.size % 2 == 0:
            raise InputError(f"size must be odd, got {size}; use {size - 1} or {size + 1}")
        if floor <= 0:
            raise InputError(f"floor must be above 0, got {floor}")
        self.floor = float(floor)

    def call(self, inputs):
        x = ops.cast(inputs, "float32")
        centred = x - self._mean(x)
        variance = self._mean(ops.square(centred))
        # The floor inside the root keeps the gradient finite.
        deviation = ops.sqrt(ops.maximum(variance, self.floor**2))
        return ops.cast(centred / deviation, self.compute_dtype)

    def _mean(self, x):
        """Of the pixels that exist, taken along one axis and then along the other."""
        for window in ((self.size, 1), (1, self.size)):
            x = ops.average_pool(x, window, strides=1, padding="same", data_format="channels_last")
        return x

    def compute_output_shape(self, input_shape):
        return check_map(input_shape, "LocalNormalization")

    def get_config(self):
        return {**super().get_config(), "size": self.size, "floor": self.floor}


@keras.saving.register_keras_serializable(package="zoo")
class ToYUV(keras.layers.Layer):
    """RGB (N, H, W, 3) -> brightness and two colour differences, in the same units."""

    def call(self, inputs):
        return ops.matmul(inputs, ops.convert_to_tensor(_TO_YUV, dtype=inputs.dtype))

    def compute_output_shape(self, input_shape):
        shape = check_map(input_shape, "ToYUV")
        if shape[3] != 3:
            raise InputError(f"ToYUV takes three channels, got {shape[3]}")
        return shape
