"""Unpooling without switches: nearest neighbor, bed of nails and bilinear.

Each layer maps (N, H, W, C) to (N, factor·H, factor·W, C) without weights. Max unpooling is in
`max_unpooling.py`.
"""

from __future__ import annotations

import keras
from keras import ops

from zoo.layers.resize import resize
from zoo.layers.shapes import MapLayer, check_map, check_positive, height_width, interleave, times


class _Unpooling(MapLayer):
    def __init__(self, factor: int = 2, **kwargs):
        super().__init__(**kwargs)
        self.factor = check_positive(factor, "factor")

    def compute_output_shape(self, input_shape):
        batch, height, width, channels = check_map(input_shape, type(self).__name__)
        return batch, times(height, self.factor), times(width, self.factor), channels


@keras.saving.register_keras_serializable(package="zoo")
class NearestUnpooling(_Unpooling):
    """Writes every value to all factor×factor pixels of its window."""

    def call(self, inputs):
        return interleave([[inputs] * self.factor] * self.factor)


@keras.saving.register_keras_serializable(package="zoo")
class BedOfNailsUnpooling(_Unpooling):
    """Writes every value to the top left pixel of its window, and zero elsewhere."""

    def call(self, inputs):
        zeros = ops.zeros_like(inputs)
        cells = [[zeros] * self.factor for _ in range(self.factor)]
        cells[0][0] = inputs
        return interleave(cells)


@keras.saving.register_keras_serializable(package="zoo")
class BilinearUnpooling(_Unpooling):
    """Interpolates bilinearly.

    Args:
        factor: upsampling factor of both sides.
        align_corners: whether the first and last pixels of input and result coincide; else both
            have half-pixel centers.
    """

    def __init__(self, factor: int = 2, align_corners: bool = False, **kwargs):
        super().__init__(factor=factor, **kwargs)
        self.align_corners = bool(align_corners)

    def call(self, inputs):
        height, width = height_width(inputs)
        kind = "bilinear_aligned" if self.align_corners else "bilinear"
        return resize(inputs, height * self.factor, width * self.factor, kind)
