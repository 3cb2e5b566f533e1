"""Normalization of pixels inside the graph."""

from __future__ import annotations

from collections.abc import Sequence

import keras
from keras import ops

from zoo.argument_checks import check_choice
from zoo.errors import InputError
from zoo.layers.shapes import ConfiguredLayer, check_map

CHANNEL_ORDERS = ("rgb", "bgr")


@keras.saving.register_keras_serializable(package="zoo")
class PixelNormalization(ConfiguredLayer):
    """Reorders channels, subtracts a mean and divides by a standard deviation.

    Takes pixels (N, H, W, C), uint8 or float, in 0…255; computes in float32 and returns the compute
    dtype of the layer.

    Args:
        mean: one number, or one per channel of the result.
        deviation: one number, or one per channel of the result.
        order: order of the channels of the result, `"rgb"` for that of the input or `"bgr"` for the
            reverse.

    Raises:
        InputError: if the order is unknown, or the numbers do not fit the channels.
    """

    def __init__(
        self,
        mean: float | Sequence[float] = 127.5,
        deviation: float | Sequence[float] = 127.5,
        order: str = "rgb",
        **kwargs,
    ):
        super().__init__(autocast=False, **kwargs)
        self.mean = mean
        self.deviation = deviation
        self.order = check_choice("order", order, CHANNEL_ORDERS)

    def call(self, inputs):
        x = ops.cast(inputs, "float32")
        if self.order == "bgr":
            x = ops.flip(x, axis=-1)
        mean = ops.convert_to_tensor(self.mean, dtype="float32")
        deviation = ops.convert_to_tensor(self.deviation, dtype="float32")
        return ops.cast((x - mean) / deviation, self.compute_dtype)

    def compute_output_shape(self, input_shape):
        shape = check_map(input_shape, "PixelNormalization")
        for numbers in (self.mean, self.deviation):
            if isinstance(numbers, Sequence) and len(numbers) != shape[3]:
                raise InputError(
                    f"mean and deviation must be numbers per channel, {shape[3]}, not {numbers!r}."
                )
        return shape
