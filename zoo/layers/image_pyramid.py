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
    """Scales images (N, H, W, C) by each of several factors, smoothed where they shrink.

    A pixel centre at x comes to lie at exactly factor · x, so what is found at (x, y) of a level
    is at (x / across, y / down) of the image whatever its size; a last fraction of a pixel is
    dropped. Factors are taken as fractions with a denominator of at most 100. Levels smaller than
    `least` are padded with zeros at the bottom and right.

    Args:
        factors: (down, across) of each level, above 0 and at most 64.
        least: side of a level in pixels.

    Returns:
        A list of float32 maps (N, h, w, C).

    Raises:
        InputError: no factor, or one out of range.
    """

    def __init__(self, factors: Sequence[Sequence[float]], least: int = 1, **kwargs):
        super().__init__(**kwargs)
        self.factors = [(float(down), float(across)) for down, across in factors]
        if not self.factors or not all(0.01 <= f <= LARGEST for pair in self.factors for f in pair):
            raise InputError(
                f"ImagePyramid takes factors from 0.01 to {LARGEST:g}, not {self.factors}."
            )
        self.least = check_positive(least, "least")

    def call(self, inputs):
        images = ops.cast(inputs, "float32")
        return [self._level(images, *pair) for pair in self.factors]

    def _level(self, images, down: float, across: float):
        scaled = _scaled(_scaled(images, 1, exact(down)), 2, exact(across))
        sides = [
            max(side, self.least) if isinstance(side, int) else ops.maximum(side, self.least)
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
                    None if side is None else max(self.least, _length(side, exact(factor)))
                    for side, factor in zip(sides, pair, strict=True)
                ),
                channels,
            )
            for pair in self.factors
        ]

    def get_config(self):
        return {**super().get_config(), "factors": self.factors, "least": self.least}


def exact(factor: float) -> Fraction:
    """The fraction that a factor is taken as."""
    return Fraction(factor).limit_denominator(100)


def _length(side, factor: Fraction):
    """Whole pixels of a scaled side, at least 1."""
    length = side * factor.numerator // factor.denominator
    return max(1, length) if isinstance(side, int) else ops.maximum(1, length)


def _scaled(images, axis: int, factor: Fraction):
    """Scales along axis 1 or 2; a matrix product, which every backend and LiteRT has."""
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
