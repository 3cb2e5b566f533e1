"""Photometric augmentation: brightness, color, blur and noise of an image.

Every function takes (H, W, C) pixels in 0..255, uint8 or float, and returns float32 in 0..255.
Amounts are Python numbers or scalar tensors. Changes that are linear in a pixel's channels compose
into one `ColorMatrix`, which is applied in one pass and clipped to 0..255 once.
"""

from __future__ import annotations

import dataclasses
import math
from typing import Any

import tensorflow as tf

from zoo.errors import InputError

Number = Any

# Rec. 601 luma: the grey value that a color image fades to.
LUMA = (0.299, 0.587, 0.114)


def _floats(image: tf.Tensor) -> tf.Tensor:
    return tf.cast(image, tf.float32)


def _clip(image: tf.Tensor) -> tf.Tensor:
    return tf.clip_by_value(image, 0.0, 255.0)


def _check_color(image: tf.Tensor, change: str) -> None:
    channels = image.shape[-1]
    if channels != 3:
        raise InputError(f"{change} needs an image with 3 channels, not {channels}.")


@dataclasses.dataclass(frozen=True)
class ColorMatrix:
    """An affine map of a pixel's channels: `pixel @ weights + offset`, (C, C) and (C,) float32."""

    weights: tf.Tensor
    offset: tf.Tensor

    @classmethod
    def identity(cls, image: tf.Tensor) -> ColorMatrix:
        """Returns the identity map for images with the channels of `image`."""
        return cls(tf.eye(image.shape[-1]), tf.zeros(image.shape[-1]))

    def brightness(self, delta: Number) -> ColorMatrix:
        """Adds `delta`, a fraction of the full range: 0.1 adds 25.5."""
        return ColorMatrix(self.weights, self.offset + 255.0 * delta)

    def contrast(self, factor: Number, mean: tf.Tensor) -> ColorMatrix:
        """Scales the distance to each channel's `mean` (C,) by `factor`; 0 gives the mean."""
        moved = tf.linalg.matvec(self.weights, mean, transpose_a=True) + self.offset
        return ColorMatrix(self.weights * factor, self.offset * factor + moved * (1.0 - factor))

    def saturation(self, factor: Number) -> ColorMatrix:
        """Blends with the grey image: 0 gives grey, 1 changes nothing. 3 channels only."""
        _check_color(self.offset, "saturation")
        luma = tf.constant(LUMA)[:, None] * tf.ones((1, 3))
        blend = factor * tf.eye(3) + (1.0 - factor) * luma
        offset = tf.linalg.matvec(blend, self.offset, transpose_a=True)
        return ColorMatrix(tf.linalg.matmul(self.weights, blend), offset)

    def apply(self, image: tf.Tensor) -> tf.Tensor:
        """Returns the mapped (H, W, C) image, clipped to 0..255."""
        pixels = tf.reshape(_floats(image), (-1, image.shape[-1]))
        mixed = tf.linalg.matmul(pixels, self.weights) + self.offset
        return _clip(tf.reshape(mixed, tf.shape(image)))


def channel_means(image: tf.Tensor, valid: tf.Tensor | None = None) -> tf.Tensor:
    """Returns (C,) float32 channel means of (H, W, C), of the `valid` (H, W) pixels if given."""
    image = _floats(image)
    pixels = tf.reshape(image, (-1, tf.shape(image)[-1]))
    if valid is None:
        return tf.reduce_mean(pixels, axis=0)
    # A product of matrices is several times as fast as a weighted sum.
    weight = tf.reshape(_floats(valid), (1, -1))
    return tf.linalg.matmul(weight, pixels)[0] / tf.maximum(tf.reduce_sum(weight), 1.0)


def gamma(image: tf.Tensor, exponent: Number) -> tf.Tensor:
    """Applies 255 (x / 255) ** exponent: above 1 darkens mid-greys, below 1 brightens them."""
    return 255.0 * (_clip(_floats(image)) / 255.0) ** exponent


def grey(image: tf.Tensor) -> tf.Tensor:
    """Replaces the channels by their luma. 3 channels only."""
    return ColorMatrix.identity(image).saturation(0.0).apply(image)


def hue(image: tf.Tensor, turn: Number) -> tf.Tensor:
    """Shifts every hue by `turn` in [-1, 1] of the color circle. 3 channels only."""
    _check_color(image, "hue")
    image = _clip(_floats(image))
    return _clip(tf.image.adjust_hue(image / 255.0, turn) * 255.0)


def gaussian_noise(image: tf.Tensor, deviation: Number, seed: tf.Tensor) -> tf.Tensor:
    """Adds independent Gaussian noise with a standard deviation in grey levels (of 255)."""
    image = _floats(image)
    return _clip(image + deviation * tf.random.stateless_normal(tf.shape(image), seed))


def blur(image: tf.Tensor, sigma: Number, radius: int | None = None) -> tf.Tensor:
    """Applies a Gaussian blur that averages only existing pixels at the border.

    The kernel's half width `radius` is 3 `sigma` by default, and required where `sigma` is a
    tensor.
    """
    if radius is None:
        if tf.is_tensor(sigma):
            raise InputError(
                "blur: radius is missing; give it in whole pixels where sigma is a tensor."
            )
        radius = math.ceil(3 * sigma)
    image = _floats(image)
    distance = tf.range(-radius, radius + 1, dtype=tf.float32)
    # The floor keeps sigma = 0 defined: the kernel is then 1 at its center and 0 elsewhere.
    kernel = tf.exp(-0.5 * (distance / tf.maximum(tf.cast(sigma, tf.float32), 0.05)) ** 2)
    for axis in (0, 1):
        image = _average_along(image, kernel, axis)
    return _clip(image)


def _average_along(image: tf.Tensor, kernel: tf.Tensor, axis: int) -> tf.Tensor:
    """Returns the weighted running mean of (H, W, C) along an axis, over existing pixels."""
    side = tf.shape(image)[axis]
    shape = (-1, 1, 1, 1) if axis == 0 else (1, -1, 1, 1)
    channels = tf.transpose(image, (2, 0, 1))[..., None]
    sums = tf.nn.conv2d(channels, tf.reshape(kernel, shape), strides=1, padding="SAME")
    sums = tf.transpose(sums[..., 0], (1, 2, 0))
    line = tf.nn.conv1d(tf.ones((1, side, 1)), kernel[:, None, None], stride=1, padding="SAME")
    return sums / tf.reshape(line, (-1, 1, 1) if axis == 0 else (1, -1, 1))
