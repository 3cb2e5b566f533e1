"""Resizing, padding and mirroring to sizes that may be tensors.

Pixel centers are at half integers. Sizes are integers or scalar tensors.
"""

from __future__ import annotations

import keras
from keras import ops


def resize_antialiased(images, height, width, portable: bool = False):
    """Resizes float images (B, h, w, C) by a triangle filter: bilinear, antialiased when shrinking.

    `portable` uses two matrix products instead of TensorFlow's operator, which LiteRT lacks; the
    results agree to rounding.
    """
    if keras.backend.backend() == "tensorflow" and not portable:
        import tensorflow as tf

        return tf.image.resize(images, (height, width), method="bilinear", antialias=True)
    batch, old_height, old_width, channels = ops.shape(images)
    rows = triangle_weights(old_height, height)
    columns = triangle_weights(old_width, width)
    x = ops.transpose(images, (1, 0, 2, 3))
    x = ops.matmul(rows, ops.reshape(x, (old_height, batch * old_width * channels)))
    x = ops.transpose(ops.reshape(x, (height, batch, old_width, channels)), (2, 1, 0, 3))
    x = ops.matmul(columns, ops.reshape(x, (old_width, batch * height * channels)))
    return ops.transpose(ops.reshape(x, (width, batch, height, channels)), (1, 2, 0, 3))


def triangle_weights(old, new, scale=None):
    """Returns the matrix (new, old) of a triangle filter, whose rows sum to 1.

    `scale` is the number of input pixels per pixel of the result, old / new by default.
    """
    if scale is None:
        scale = ops.cast(old, "float32") / ops.cast(new, "float32")
    centers = (ops.cast(ops.arange(new), "float32") + 0.5) * scale
    positions = ops.cast(ops.arange(old), "float32") + 0.5
    distance = ops.abs(positions[None, :] - centers[:, None]) / ops.maximum(scale, 1.0)
    weights = ops.maximum(1.0 - distance, 0.0)
    return weights / ops.sum(weights, axis=1, keepdims=True)


def pad_bottom_right(images, height, width):
    """Pads images (B, h, w, C) with zeros at the bottom and right to (B, height, width, C)."""
    batch, old_height, old_width, channels = ops.shape(images)
    below = ops.zeros((batch, height - old_height, old_width, channels), dtype=images.dtype)
    images = ops.concatenate([images, below], axis=1)
    right = ops.zeros((batch, height, width - old_width, channels), dtype=images.dtype)
    return ops.concatenate([images, right], axis=2)


def mirror(images, before: int, height, width):
    """Pads images (B, h, w, C) to (B, height, width, C), mirroring without repeating the edge.

    `before` rows and columns are added at the top and left.
    """
    _, old_height, old_width, _ = ops.shape(images)
    images = ops.take(images, _mirrored(old_height, before, height), axis=1)
    return ops.take(images, _mirrored(old_width, before, width), axis=2)


def _mirrored(old, before, new):
    """Source indices of `new` positions, the first of which is `before` lines before index 0."""
    period = ops.maximum(2 * (ops.cast(old, "int32") - 1), 1)
    index = ops.mod(ops.arange(new, dtype="int32") - before, period)
    return ops.minimum(index, period - index) * ops.cast(old > 1, "int32")
