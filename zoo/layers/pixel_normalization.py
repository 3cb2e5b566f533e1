"""From pixels 0...255 to the numbers a network was trained on, inside the graph."""

from __future__ import annotations

from collections.abc import Sequence

import keras
from keras import ops

from zoo.errors import InputError
from zoo.layers.shapes import check_map

CHANNEL_ORDERS = ("rgb", "bgr")


@keras.saving.register_keras_serializable(package="zoo")
class PixelNormalization(keras.layers.Layer):
    """Reorder channels, subtract a mean and divide by a deviation.

    Takes (N, H, W, C), uint8 or float, 0...255; computes in float32 and returns the layer's
    compute dtype, so half precision loses nothing of the pixels.

    Args:
        mean, deviation: one number, or one per channel in the order of the *output*.
        order: "rgb" leaves the channels; "bgr" reverses them.
    """

    def __init__(
        self,
        mean: float | Sequence[float] = 127.5,
        deviation: float | Sequence[float] = 127.5,
        order: str = "rgb",
        **kwargs,
    ):
        super().__init__(autocast=False, **kwargs)
        if order not in CHANNEL_ORDERS:
            raise InputError(f'order={order!r} is unknown; use "rgb" or "bgr"')
        self.mean = mean
        self.deviation = deviation
        self.order = order

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
                    f"PixelNormalization has {len(numbers)} channel values for images with "
                    f"{shape[3]} channels; give one number per channel"
                )
        return shape

    def get_config(self):
        own = {"mean": self.mean, "deviation": self.deviation, "order": self.order}
        return {**super().get_config(), **own}
