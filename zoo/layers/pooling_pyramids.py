"""Pooling into a fixed number of bins, and the two pyramids built from it.

He et al., *Spatial Pyramid Pooling in Deep Convolutional Networks*, ECCV 2014, flatten the bins;
Zhao et al., *Pyramid Scene Parsing Network*, CVPR 2017, spread them over the map again.
"""

from __future__ import annotations

from collections.abc import Sequence

import keras
from keras import layers, ops

from zoo.errors import InputError
from zoo.layers.conv_blocks import conv_block
from zoo.layers.resize import ResizeLike
from zoo.layers.shapes import MapLayer, check_map, check_positive, height_width

MODES = ("max", "mean")


@keras.saving.register_keras_serializable(package="zoo")
class AdaptivePooling(MapLayer):
    """Pool maps (N, H, W, C) of any size to (N, n, n, C).

    Bin i of n spans the lines floor((i-1) * size / n) ... ceil(i * size / n); bins overlap where n
    does not divide the size, and repeat lines where a map has fewer than n.

    Args:
        bins: n.
        mode: "max" or "mean".
    """

    def __init__(self, bins: int, mode: str = "max", **kwargs):
        super().__init__(**kwargs)
        self.bins = check_positive(bins, "bins")
        if mode not in MODES:
            raise InputError(f'mode={mode!r} is unknown; use "max" or "mean"')
        self.mode = mode

    def call(self, inputs):
        return pool_to_bins(inputs, self.bins, self.mode)

    def compute_output_shape(self, input_shape):
        batch, _, _, channels = check_map(input_shape, "AdaptivePooling")
        return batch, self.bins, self.bins, channels

    def get_config(self):
        return {**super().get_config(), "bins": self.bins, "mode": self.mode}


def pool_to_bins(x, bins: int, mode: str):
    """(N, H, W, C) tensor -> (N, bins, bins, C), as `AdaptivePooling`."""
    reduce = ops.max if mode == "max" else ops.mean
    height, width = height_width(x)
    rows = [reduce(x[:, first:stop], axis=1, keepdims=True) for first, stop in _spans(height, bins)]
    x = ops.concatenate(rows, axis=1)
    columns = [
        reduce(x[:, :, first:stop], axis=2, keepdims=True) for first, stop in _spans(width, bins)
    ]
    return ops.concatenate(columns, axis=2)


def _spans(size, bins: int) -> list[tuple]:
    return [(i * size // bins, ((i + 1) * size + bins - 1) // bins) for i in range(bins)]


@keras.saving.register_keras_serializable(package="zoo")
class SpatialPyramidPooling(MapLayer):
    """Flatten pooled pyramids: maps (N, H, W, C) of any size -> (N, C * sum of squared bins).

    The vector holds one level after the other, each bin row by row, channels innermost.

    Args:
        bins: bins per side of each level.
        mode: "max" or "mean".
    """

    def __init__(self, bins: Sequence[int] = (6, 3, 2, 1), mode: str = "max", **kwargs):
        super().__init__(**kwargs)
        self.bins = tuple(check_positive(n, "bins") for n in bins)
        if not self.bins or mode not in MODES:
            raise InputError(f'bins={bins!r}, mode={mode!r}: give bins, and mode "max" or "mean"')
        self.mode = mode

    def call(self, inputs):
        levels = [
            ops.reshape(pool_to_bins(inputs, n, self.mode), (-1, n * n * inputs.shape[-1]))
            for n in self.bins
        ]
        return ops.concatenate(levels, axis=-1)

    def compute_output_shape(self, input_shape):
        batch, _, _, channels = check_map(input_shape, "SpatialPyramidPooling")
        return batch, channels * sum(n * n for n in self.bins)

    def get_config(self):
        return {**super().get_config(), "bins": self.bins, "mode": self.mode}


def pyramid_pooling(
    x,
    bins: Sequence[int] = (1, 2, 3, 6),
    filters: int = 512,
    *,
    norm: str | None = "batch",
    activation: str | None = "relu",
    epsilon: float = 1e-5,
    name: str = "pyramid",
):
    """PSPNet's module: (N, H, W, C) -> (N, H, W, C + len(bins) * filters), any size.

    Each level: mean pooling to n x n, 1x1 convolution, norm, activation, bilinear resizing back to
    H x W; then concatenation behind the input.
    """
    maps = [x]
    for n in bins:
        level = AdaptivePooling(n, "mean", name=f"{name}_pool{n}")(x)
        level = conv_block(
            level,
            filters,
            1,
            norm=norm,
            activation=activation,
            epsilon=epsilon,
            name=f"{name}_bin{n}",
        )
        maps.append(ResizeLike(name=f"{name}_resize{n}")([level, x]))
    return layers.Concatenate(name=f"{name}_concat")(maps)
