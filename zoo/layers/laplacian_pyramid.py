"""The Laplacian pyramid (Burt & Adelson, 1983), input of Farabet et al., TPAMI 35(8), 2013."""

from __future__ import annotations

import keras
from keras import ops

from zoo.layers.shapes import MapLayer, check_map, check_positive, height_width


@keras.saving.register_keras_serializable(package="zoo")
class LaplacianPyramid(MapLayer):
    """Splits images (N, H, W, C) into bands of halved resolution, finest first.

    Returns a list of float maps; level i has sides ceil(side / 2^i). A band is the image at its
    scale minus the upsampled next coarser image; the last band is the coarsest image. The filter
    is [1, 4, 6, 4, 1] / 16, and the border repeats the edge, so that constant images have zero
    bands.

    Args:
        levels: number of bands.
    """

    def __init__(self, levels: int = 3, **kwargs):
        super().__init__(**kwargs)
        self.levels = check_positive(levels, "levels")

    def call(self, inputs):
        bands, image = [], inputs
        for _ in range(self.levels - 1):
            coarse = _reduce(_reduce(image, 1), 2)
            bands.append(image - _expand_like(coarse, image))
            image = coarse
        return [*bands, image]

    def compute_output_spec(self, inputs):
        shapes = self.compute_output_shape(inputs.shape)
        return [keras.KerasTensor(shape, inputs.dtype) for shape in shapes]

    def compute_output_shape(self, input_shape):
        batch, height, width, channels = check_map(input_shape, "LaplacianPyramid")
        return [
            (batch, *(None if s is None else -(-s // 2**i) for s in (height, width)), channels)
            for i in range(self.levels)
        ]


def _reduce(x, axis: int):
    """Blurs along an axis and keeps every second line."""
    first, last = _lines(x, axis, 0, 1), _lines(x, axis, -1, None)
    x = ops.concatenate([first, first, x, last, last], axis=axis)
    taps = [_lines(x, axis, tap, tap - 4 or None, 2) for tap in range(5)]
    return (taps[0] + 4 * taps[1] + 6 * taps[2] + 4 * taps[3] + taps[4]) / 16


def _expand_like(x, reference):
    """Upsamples by 2, blurs, and crops to the height and width of the reference."""
    height, width = height_width(reference)
    return _expand(_expand(x, 1), 2)[:, :height, :width]


def _expand(x, axis: int):
    first, last = _lines(x, axis, 0, 1), _lines(x, axis, -1, None)
    padded = ops.concatenate([first, x, last], axis=axis)
    before, after = _lines(padded, axis, 0, -2), _lines(padded, axis, 2, None)
    even, odd = (before + 6 * x + after) / 8, (x + after) / 2
    height, width = height_width(x)
    channels = x.shape[-1]
    if axis == 1:
        pairs = ops.concatenate([even, odd], axis=2)
        return ops.reshape(pairs, (-1, 2 * height, width, channels))
    pairs = ops.concatenate([even, odd], axis=-1)
    return ops.reshape(pairs, (-1, height, 2 * width, channels))


def _lines(x, axis: int, start, stop, step: int = 1):
    lines = slice(start, stop, step)
    return x[:, lines] if axis == 1 else x[:, :, lines]
