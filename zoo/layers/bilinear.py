"""The bilinear kernel with which FCN starts its transposed convolutions."""

from __future__ import annotations

import keras
import numpy as np
from keras import ops

from zoo.errors import InputError


@keras.saving.register_keras_serializable(package="zoo")
class BilinearInitializer(keras.initializers.Initializer):
    """Weights that make a transposed convolution interpolate bilinearly, channel by channel.

    For a kernel (k, k, C_out, C_in) of a transposed convolution that enlarges by f; at its sides
    the kernel is cut where k < 2f - (f mod 2). Only the weights between equal channels are set; the
    rest are zero. Long, Shelhamer & Darrell, *Fully Convolutional Networks*, CVPR 2015.

    Args:
        factor: f; 0 takes the one of which k = 2f - (f mod 2).

    Raises:
        InputError: a factor below 0, or, when called, a shape that is no kernel (height, width,
            out, in).
    """

    def __init__(self, factor: int = 0):
        if factor < 0:
            raise InputError(f"a bilinear kernel enlarges by 1 or more, not by {factor}")
        self.factor = factor

    def get_config(self) -> dict[str, int]:
        return {"factor": self.factor}

    def __call__(self, shape, dtype=None):
        if len(shape) != 4:
            raise InputError(f"a kernel has the shape (height, width, out, in), got {shape}")
        height, width, out_channels, in_channels = shape
        stamp = np.outer(_triangle(height, self.factor), _triangle(width, self.factor))
        matching = np.eye(out_channels, in_channels)
        return ops.convert_to_tensor(
            stamp[:, :, None, None] * matching, dtype=dtype or keras.config.floatx()
        )


def _triangle(size: int, factor: int) -> np.ndarray:
    factor = factor or (size + 1) // 2
    return np.maximum(1 - np.abs(np.arange(size) - (size - 1) / 2) / factor, 0.0)
