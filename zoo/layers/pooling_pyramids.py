"""Pooling into a fixed number of bins, and the two pyramids built from it.

He et al., *Spatial Pyramid Pooling in Deep Convolutional Networks*, ECCV 2014; Zhao et al.,
*Pyramid Scene Parsing Network*, CVPR 2017.
"""

from __future__ import annotations

from collections.abc import Sequence

import keras
from keras import layers, ops

from zoo.argument_checks import check_choice
from zoo.errors import InputError
from zoo.layers.conv_blocks import conv_block
from zoo.layers.resize import ResizeLike
from zoo.layers.shapes import MapLayer, check_map, check_positive, height_width

MODES = ("max", "mean")


@keras.saving.register_keras_serializable(package="zoo")
class AdaptivePooling(MapLayer):
    """Pools maps (N, H, W, C) of any size to (N, n, n, C).

    Bin i spans the lines from ⌊i·size / n⌋ to ⌈(i + 1)·size / n⌉; bins overlap where n does not
    divide the size, and repeat lines where a map has fewer than n.

    Args:
        bins: bins per side, n.
        mode: `"max"` or `"mean"`.
    """

    def __init__(self, bins: int, mode: str = "max", **kwargs):
        super().__init__(**kwargs)
        self.bins = check_positive(bins, "bins")
        self.mode = check_choice("mode", mode, MODES)

    def call(self, inputs):
        return pool_to_bins(inputs, self.bins, self.mode)

    def compute_output_shape(self, input_shape):
        batch, _, _, channels = check_map(input_shape, "AdaptivePooling")
        return batch, self.bins, self.bins, channels


def pool_to_bins(x, bins: int, mode: str):
    """Pools a tensor (N, H, W, C) to (N, bins, bins, C), as `AdaptivePooling`."""
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
    """Pools maps (N, H, W, C) of any size to vectors of several levels of bins.

    The vector (N, C·Σ bins²) has one level after the other, each row by row, channels innermost.

    Args:
        bins: bins per side of each level.
        mode: `"max"` or `"mean"`.
    """

    def __init__(self, bins: Sequence[int] = (6, 3, 2, 1), mode: str = "max", **kwargs):
        super().__init__(**kwargs)
        self.bins = tuple(check_positive(n, "bins") for n in bins)
        if not self.bins:
            raise InputError(f"bins must be at least one number, not {bins!r}.")
        self.mode = check_choice("mode", mode, MODES)

    def call(self, inputs):
        levels = [
            ops.reshape(pool_to_bins(inputs, n, self.mode), (-1, n * n * inputs.shape[-1]))
            for n in self.bins
        ]
        return ops.concatenate(levels, axis=-1)

    def compute_output_shape(self, input_shape):
        batch, _, _, channels = check_map(input_shape, "SpatialPyramidPooling")
        return batch, channels * sum(n * n for n in self.bins)


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
    """Applies PSPNet's pyramid pooling to maps (N, H, W, C) of any size.

    Each level consists of mean pooling to n×n, a 1×1 convolution, a normalization, an activation
    and bilinear resizing to H×W; the levels are concatenated to the input.

    Args:
        x: maps (N, H, W, C).
        bins: bins per side of each level.
        filters: filters of each level.
        norm: normalization policy.
        activation: activation of each level; None for none.
        epsilon: constant added to the variance by the normalization.
        name: prefix of the layer names.

    Returns:
        Maps (N, H, W, C + len(bins)·filters).
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
