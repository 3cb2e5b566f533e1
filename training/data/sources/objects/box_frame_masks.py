"""Masks of objects in the frames of their own boxes."""

from __future__ import annotations

import tensorflow as tf

MASK_SIZE = 112
"""Side of the masks that readers give, in cells."""


def masks_from_map(
    instances: tf.Tensor, boxes: tf.Tensor, numbers: tf.Tensor, size: int = MASK_SIZE
) -> tf.Tensor:
    """(N, size, size) uint8: which cells of each object's box show the object.

    A cell is what the map says at its centre.

    Args:
        instances: (H, W) integers, the number of the object of each pixel.
        boxes: (N, 4) float32 `xyxy` pixels.
        numbers: (N,) the number in the map of each box's object.
        size: cells along each side of a box.
    """
    height, width = tf.unstack(tf.shape(instances))
    centres = (tf.range(size, dtype=tf.float32) + 0.5) / size
    columns = _pixels(boxes[:, 0:1], boxes[:, 2:3], centres, width)
    rows = _pixels(boxes[:, 1:2], boxes[:, 3:4], centres, height)
    places = rows[:, :, None] * width + columns[:, None, :]
    values = tf.gather(tf.reshape(instances, [-1]), places)
    return tf.cast(values == tf.cast(numbers, values.dtype)[:, None, None], tf.uint8)


def _pixels(low: tf.Tensor, high: tf.Tensor, centres: tf.Tensor, side: tf.Tensor) -> tf.Tensor:
    return tf.clip_by_value(tf.cast(tf.floor(low + centres * (high - low)), tf.int32), 0, side - 1)
