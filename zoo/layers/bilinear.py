"""The bilinear kernel with which FCN starts its transposed convolutions."""

from __future__ import annotations

import keras
import numpy as np
from keras import ops

from zoo.errors import InputError


@keras.saving.register_keras_serializable(package="zoo")
class BilinearInitializer(keras.initializers.Initializer):
    """Weights that make a transposed convolution interpolate bilinearly, channel by channel.

    For a kernel (k, k, C_out, C_in) of a transposed convolution that enlarges by f, where
    k = 2f - (f mod 2). Only the weights between equal channels are set; the rest are zero.
    Long, Shelhamer & Darrell, *Fully Convolutional Networks*, CVPR 2015.

    Raises:
        InputError: when called for a shape that is no kernel (height, width, out, in).
    """

    def __call__(self, shape, dtype=None):
        if len(shape) != 4:
            raise InputError(f"a kernel has the shape (height, width, out, in), got {shape}")
        height, width, out_channels, in_channels = shape
        stamp = np.outer(_triangle(height), _triangle(width))
        matching = np.eye(out_channels, in_channels)
        return ops.convert_to_tensor(
            stamp[:, :, None, None] * matching, dtype=dtype or keras.config.floatx()
        )


def _triangle(size: int) -> np.ndarray:
    factor = (size + 1) // 2
    centre = (2 * factor - 1 - factor % 2) / (2 * factor)
    return 1 - np.abs(np.arange(size) / factor - centre)
