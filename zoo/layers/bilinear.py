"""The bilinear initializer of FCN's transposed convolutions."""

from __future__ import annotations

import keras
import numpy as np
from keras import ops

from zoo.errors import InputError
from zoo.layers.shapes import check_positive


@keras.saving.register_keras_serializable(package="zoo")
class BilinearInitializer(keras.initializers.Initializer):
    """Weights of a transposed convolution that interpolates bilinearly, channel by channel.

    For kernels (k, k, C_out, C_in); the weights between different channels are zero. Long,
    Shelhamer & Darrell, *Fully Convolutional Networks*, CVPR 2015.

    Args:
        factor: upsampling factor f, at least 1; None for the one with k = 2f − (f mod 2). Larger
            factors crop the kernel.

    Raises:
        InputError: if the factor is below 1, or, when called, the shape is not that of a kernel.
    """

    def __init__(self, factor: int | None = None):
        self.factor = None if factor is None else check_positive(factor, "factor")

    def get_config(self) -> dict[str, int | None]:
        return {"factor": self.factor}

    def __call__(self, shape, dtype=None):
        if len(shape) != 4:
            raise InputError(f"shape must be (height, width, out, in), not {tuple(shape)!r}.")
        height, width, out_channels, in_channels = shape
        window = np.outer(_triangle(height, self.factor), _triangle(width, self.factor))
        matching = np.eye(out_channels, in_channels)
        return ops.convert_to_tensor(
            window[:, :, None, None] * matching, dtype=dtype or keras.config.floatx()
        )


def _triangle(size: int, factor: int | None) -> np.ndarray:
    factor = factor or (size + 1) // 2
    return np.maximum(1 - np.abs(np.arange(size) - (size - 1) / 2) / factor, 0.0)
