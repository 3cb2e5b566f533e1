"""Boxes and masks of the objects in an instance map."""

from __future__ import annotations

import tensorflow as tf

MASK_SIZE = 112
"""Cells along each side of an object's mask, by default."""


def boxes_from_map(instances: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Returns ascending ids (N,) int32 and `xyxy` boxes (N, 4) of an (H, W) int32 instance map."""
    pixels = tf.where(instances > 0)
    owners = tf.gather_nd(instances, pixels)
    pixels = tf.cast(pixels, tf.int32)
    count = tf.reduce_max(instances) + 1
    low = tf.math.unsorted_segment_min(pixels, owners, count)
    high = tf.math.unsorted_segment_max(pixels, owners, count) + 1
    ids = tf.cast(tf.where(high[:, 0] > low[:, 0])[:, 0], tf.int32)
    corners = tf.concat([tf.gather(low, ids)[:, ::-1], tf.gather(high, ids)[:, ::-1]], 1)
    return ids, tf.cast(corners, tf.float32)


def masks_from_map(
    instances: tf.Tensor, boxes: tf.Tensor, ids: tf.Tensor, size: int = MASK_SIZE
) -> tf.Tensor:
    """Returns the mask of each object in the frame of its own box, (N, size, size) uint8.

    A cell has the value of the (H, W) map at its center; boxes are (N, 4) `xyxy` pixels, ids (N,).
    """
    height, width = tf.unstack(tf.shape(instances))
    centers = (tf.range(size, dtype=tf.float32) + 0.5) / size
    columns = _pixels(boxes[:, 0:1], boxes[:, 2:3], centers, width)
    rows = _pixels(boxes[:, 1:2], boxes[:, 3:4], centers, height)
    indices = rows[:, :, None] * width + columns[:, None, :]
    values = tf.gather(tf.reshape(instances, [-1]), indices)
    return tf.cast(values == tf.cast(ids, values.dtype)[:, None, None], tf.uint8)


def _pixels(low: tf.Tensor, high: tf.Tensor, centers: tf.Tensor, side: tf.Tensor) -> tf.Tensor:
    return tf.clip_by_value(tf.cast(tf.floor(low + centers * (high - low)), tf.int32), 0, side - 1)
