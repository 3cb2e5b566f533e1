"""An image at several scales, each of its own width and height."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

import keras
from keras import ops

from zoo.errors import InputError
from zoo.layers.resample import pad_bottom_right, triangle_weights
from zoo.layers.shapes import MapLayer, check_map, check_positive, height_width

LARGEST = 64.0


@keras.saving.register_keras_serializable(package="zoo")
class ImagePyramid(MapLayer):
    """Scales images (N, H, W, C) by several factors, antialiased where they shrink.

    A pixel center at x is scaled to exactly factor·x, so that (x, y) in a level is (x / horizontal,
    y / vertical) in the image; a last fraction of a pixel is dropped. Factors are rounded to
    fractions with a denominator of at most 100. Smaller levels than `min_size` are padded with
    zeros at the bottom and right.

    Args:
        factors: (vertical, horizontal) factors of each level, from 0.01 to 64.
        min_size: smallest side of a level, in pixels.

    Returns:
        A list of maps (N, h, w, C) float32.
    """

    def __init__(self, factors: Sequence[Sequence[float]], min_size: int = 1, **kwargs):
        super().__init__(**kwargs)
        self.factors = [(float(down), float(across)) for down, across in factors]
        if not self.factors or not all(0.01 <= f <= LARGEST for pair in self.factors for f in pair):
            raise InputError(
                f"factors must be pairs from 0.01 to {LARGEST:g}, not {self.factors!r}."
            )
        self.min_size = check_positive(min_size, "min_size")

    def call(self, inputs):
        images = ops.cast(inputs, "float32")
        return [self._level(images, *pair) for pair in self.factors]

    def _level(self, images, down: float, across: float):
        scaled = _scaled(_scaled(images, 1, exact(down)), 2, exact(across))
        sides = [
            max(side, self.min_size) if isinstance(side, int) else ops.maximum(side, self.min_size)
            for side in height_width(scaled)
        ]
        return pad_bottom_right(scaled, *sides)

    def compute_output_spec(self, inputs):
        return [keras.KerasTensor(s, "float32") for s in self.compute_output_shape(inputs.shape)]

    def compute_output_shape(self, input_shape):
        batch, *sides, channels = check_map(input_shape, "ImagePyramid")
        return [
            (
                batch,
                *(
                    None if side is None else max(self.min_size, _length(side, exact(factor)))
                    for side, factor in zip(sides, pair, strict=True)
                ),
                channels,
            )
            for pair in self.factors
        ]


def exact(factor: float) -> Fraction:
    """Returns the fraction that a factor is rounded to."""
    return Fraction(factor).limit_denominator(100)


def _length(side, factor: Fraction):
    """Whole pixels of a scaled side, at least 1."""
    length = side * factor.numerator // factor.denominator
    return max(1, length) if isinstance(side, int) else ops.maximum(1, length)


def _scaled(images, axis: int, factor: Fraction):
    """Scales along axis 1 or 2 by a matrix product, on every backend and in LiteRT."""
    if factor == 1:
        return images
    batch, height, width, channels = ops.shape(images)
    old = height if axis == 1 else width
    new = _length(old, factor)
    weights = triangle_weights(old, new, 1.0 / float(factor))
    if axis == 1:
        x = ops.reshape(ops.transpose(images, (1, 0, 2, 3)), (old, batch * width * channels))
        x = ops.reshape(ops.matmul(weights, x), (new, batch, width, channels))
        return ops.transpose(x, (1, 0, 2, 3))
    x = ops.reshape(ops.transpose(images, (2, 0, 1, 3)), (old, batch * height * channels))
    x = ops.reshape(ops.matmul(weights, x), (new, batch, height, channels))
    return ops.transpose(x, (1, 2, 0, 3))
