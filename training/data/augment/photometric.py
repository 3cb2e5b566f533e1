"""Changes of brightness, colour, sharpness and noise: the image alone, never its labels.

Every function takes (H, W, C) pixels in 0..255, uint8 or float, and gives float32 in 0..255.
Amounts may be Python numbers or scalar tensors. Changes that mix a pixel's channels linearly are
also there as a `Mix`: several are carried out in one pass, and cut to 0..255 once.
"""

from __future__ import annotations

import dataclasses
import math
from typing import Any

import tensorflow as tf

from zoo.errors import InputError

Number = Any

# Rec. 601 luma: the grey value that a colour image fades to.
LUMA = (0.299, 0.587, 0.114)


def _floats(image: tf.Tensor) -> tf.Tensor:
    return tf.cast(image, tf.float32)


def _clip(image: tf.Tensor) -> tf.Tensor:
    return tf.clip_by_value(image, 0.0, 255.0)


def _check_colour(image: tf.Tensor, change: str) -> None:
    channels = image.shape[-1]
    if channels != 3:
        raise InputError(f"{change} needs a colour image of 3 channels, not {channels}")


@dataclasses.dataclass(frozen=True)
class Mix:
    """What becomes of a pixel's channels: `pixel @ weights + offset`.

    Attributes:
        weights: (C, C) float32.
        offset: (C,) float32, grey levels.
    """

    weights: tf.Tensor
    offset: tf.Tensor

    @classmethod
    def none(cls, image: tf.Tensor) -> Mix:
        """What changes nothing in such an image."""
        return cls(tf.eye(image.shape[-1]), tf.zeros(image.shape[-1]))

    def brighter(self, delta: Number) -> Mix:
        """And then `brightness`."""
        return Mix(self.weights, self.offset + 255.0 * delta)

    def contrasted(self, factor: Number, mean: tf.Tensor) -> Mix:
        """And then `contrast`, of an image whose channels have the `mean` (C,) as it is given."""
        moved = tf.linalg.matvec(self.weights, mean, transpose_a=True) + self.offset
        return Mix(self.weights * factor, self.offset * factor + moved * (1.0 - factor))

    def saturated(self, factor: Number) -> Mix:
        """And then `saturation`."""
        _check_colour(self.offset, "saturation")
        luma = tf.constant(LUMA)[:, None] * tf.ones((1, 3))
        blend = factor * tf.eye(3) + (1.0 - factor) * luma
        offset = tf.linalg.matvec(blend, self.offset, transpose_a=True)
        return Mix(tf.linalg.matmul(self.weights, blend), offset)

    def of(self, image: tf.Tensor) -> tf.Tensor:
        """The image so changed."""
        pixels = tf.reshape(_floats(image), (-1, image.shape[-1]))
        mixed = tf.linalg.matmul(pixels, self.weights) + self.offset
        return _clip(tf.reshape(mixed, tf.shape(image)))


def channel_means(image: tf.Tensor, valid: tf.Tensor | None = None) -> tf.Tensor:
    """(C,) float32 means of (H, W, C).

    valid: (H, W) bool or None, the pixels the mean is taken over (all but the padding).
    """
    image = _floats(image)
    pixels = tf.reshape(image, (-1, tf.shape(image)[-1]))
    if valid is None:
        return tf.reduce_mean(pixels, axis=0)
    # A product of matrices is several times as fast as a weighted sum.
    weight = tf.reshape(_floats(valid), (1, -1))
    return tf.linalg.matmul(weight, pixels)[0] / tf.maximum(tf.reduce_sum(weight), 1.0)


def brightness(image: tf.Tensor, delta: Number) -> tf.Tensor:
    """Add `delta`, a fraction of the full range: 0.1 adds 25.5."""
    return Mix.none(image).brighter(delta).of(image)


def contrast(image: tf.Tensor, factor: Number, valid: tf.Tensor | None = None) -> tf.Tensor:
    """Stretch the distance to each channel's mean by `factor`; 0 gives the mean, 1 no change.

    valid: as of `channel_means`.
    """
    return Mix.none(image).contrasted(factor, channel_means(image, valid)).of(image)


def gamma(image: tf.Tensor, exponent: Number) -> tf.Tensor:
    """255 (x / 255) ** exponent: above 1 darkens the middle greys, below 1 brightens them."""
    return 255.0 * (_clip(_floats(image)) / 255.0) ** exponent


def saturation(image: tf.Tensor, factor: Number) -> tf.Tensor:
    """Blend with the image's own grey version; 0 gives grey, 1 no change. 3 channels only."""
    return Mix.none(image).saturated(factor).of(image)


def hue(image: tf.Tensor, turn: Number) -> tf.Tensor:
    """Turn every hue by `turn` in [-1, 1] of the colour circle. 3 channels only."""
    _check_colour(image, "hue")
    image = _clip(_floats(image))
    return _clip(tf.image.adjust_hue(image / 255.0, turn) * 255.0)


def gaussian_noise(image: tf.Tensor, deviation: Number, seed: tf.Tensor) -> tf.Tensor:
    """Add independent Gaussian noise with a standard deviation in grey levels (of 255)."""
    image = _floats(image)
    return _clip(image + deviation * tf.random.stateless_normal(tf.shape(image), seed))


def blur(image: tf.Tensor, sigma: Number, radius: int | None = None) -> tf.Tensor:
    """Gaussian blur with a standard deviation of `sigma` pixels.

    The kernel reaches `radius` pixels, 3 sigma by default; a `sigma` that is a tensor needs it
    given. At the border only the pixels that exist are averaged.
    """
    if radius is None:
        if tf.is_tensor(sigma):
            raise InputError("blur: give radius, in whole pixels, when sigma is a tensor")
        radius = math.ceil(3 * sigma)
    image = _floats(image)
    distance = tf.range(-radius, radius + 1, dtype=tf.float32)
    # The floor keeps sigma = 0 defined: the kernel is then 1 at its centre and 0 elsewhere.
    kernel = tf.exp(-0.5 * (distance / tf.maximum(tf.cast(sigma, tf.float32), 0.05)) ** 2)
    for axis in (0, 1):
        image = _average_along(image, kernel, axis)
    return _clip(image)


def _average_along(image: tf.Tensor, kernel: tf.Tensor, axis: int) -> tf.Tensor:
    """Weighted running mean of (H, W, C) along axis 0 or 1, over the pixels that exist."""
    side = tf.shape(image)[axis]
    shape = (-1, 1, 1, 1) if axis == 0 else (1, -1, 1, 1)
    channels = tf.transpose(image, (2, 0, 1))[..., None]
    sums = tf.nn.conv2d(channels, tf.reshape(kernel, shape), strides=1, padding="SAME")
    sums = tf.transpose(sums[..., 0], (1, 2, 0))
    line = tf.nn.conv1d(tf.ones((1, side, 1)), kernel[:, None, None], stride=1, padding="SAME")
    return sums / tf.reshape(line, (-1, 1, 1) if axis == 0 else (1, -1, 1))
