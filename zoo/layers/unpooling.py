"""Unpooling without switches: nearest neighbour, bed of nails and bilinear.

Every kind takes (N, H, W, C) to (N, factor*H, factor*W, C) without weights. Max unpooling, which
replays the positions of an earlier max pooling, is in `max_unpooling.py`; its names are here too.
"""

from __future__ import annotations

import keras
from keras import ops

from zoo.layers.max_unpooling import MaxPoolWithIndices, MaxUnpool
from zoo.layers.resize import resize
from zoo.layers.shapes import MapLayer, check_map, check_positive, height_width, interleave, times

__all__ = [
    "BedOfNailsUnpooling",
    "BilinearUnpooling",
    "MaxPoolWithIndices",
    "MaxUnpool",
    "NearestUnpooling",
]


class _Unpooling(MapLayer):
    def __init__(self, factor: int = 2, **kwargs):
        super().__init__(**kwargs)
        self.factor = check_positive(factor, "factor")

    def compute_output_shape(self, input_shape):
        batch, height, width, channels = check_map(input_shape, type(self).__name__)
        return batch, times(height, self.factor), times(width, self.factor), channels

    def get_config(self):
        return {**super().get_config(), "factor": self.factor}


@keras.saving.register_keras_serializable(package="zoo")
class NearestUnpooling(_Unpooling):
    """Write every value into all factor x factor pixels of its window."""

    def call(self, inputs):
        return interleave([[inputs] * self.factor] * self.factor)


@keras.saving.register_keras_serializable(package="zoo")
class BedOfNailsUnpooling(_Unpooling):
    """Write every value into the top left pixel of its window and zero elsewhere."""

    def call(self, inputs):
        nothing = ops.zeros_like(inputs)
        cells = [[nothing] * self.factor for _ in range(self.factor)]
        cells[0][0] = inputs
        return interleave(cells)


@keras.saving.register_keras_serializable(package="zoo")
class BilinearUnpooling(_Unpooling):
    """Interpolate between the values.

    Args:
        factor: growth of both sides.
        align_corners: False samples at half-pixel centres; True puts the first and the last
            sample of a row exactly on its first and last input pixel.
    """

    def __init__(self, factor: int = 2, align_corners: bool = False, **kwargs):
        super().__init__(factor=factor, **kwargs)
        self.align_corners = bool(align_corners)

    def call(self, inputs):
        height, width = height_width(inputs)
        kind = "bilinear_aligned" if self.align_corners else "bilinear"
        return resize(inputs, height * self.factor, width * self.factor, kind)

    def get_config(self):
        return {**super().get_config(), "align_corners": self.align_corners}
