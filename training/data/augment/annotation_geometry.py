"""Geometric transforms of boxes and keypoints."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import tensorflow as tf

from training.data.object_padding import OBJECT_KEYS
from zoo.errors import InputError
from zoo.tasks.sample_schema import SCHEMA

Size = tuple[int, int]
# From (..., 2) float64 source points x, y to (..., 2) float64 target points.
Forward = Callable[[tf.Tensor], tf.Tensor]

# Captions are strings under `texts` until a vocabulary encodes them.
ROW_PADDING = {**{key: SCHEMA[key].padding for key in OBJECT_KEYS}, "texts": ""}


def is_rows(key: str, sample: dict) -> bool:
    """Returns whether an entry of `sample` has one row per object."""
    if key not in ROW_PADDING or key not in sample or "boxes" not in sample:
        return False
    return key != "keypoints" or sample[key].shape.rank == 3


def full_window(size: Size) -> tf.Tensor:
    """Returns (4,) float64 `xyxy` of all pixels of `size` = (height, width)."""
    return tf.constant([0, 0, size[1], size[0]], tf.float64)


def box_hulls(boxes: tf.Tensor, forward: Forward, points_per_side: int) -> tf.Tensor:
    """Returns (N, 4) float64 hulls of the transformed outlines of (N, 4) `xyxy` boxes.

    One outline point per side (the corners) is exact for a matrix.
    """
    boxes = tf.cast(boxes, tf.float64)
    steps = tf.linspace(tf.constant(0.0, tf.float64), 1.0, points_per_side + 1)[:-1]
    zeros = tf.zeros_like(steps)
    across = tf.concat([steps, zeros + 1.0, 1.0 - steps, zeros], axis=0)
    down = tf.concat([zeros, steps, zeros + 1.0, 1.0 - steps], axis=0)
    x = boxes[:, None, 0] + (boxes[:, None, 2] - boxes[:, None, 0]) * across
    y = boxes[:, None, 1] + (boxes[:, None, 3] - boxes[:, None, 1]) * down
    outline = forward(tf.stack([x, y], axis=-1))
    return tf.concat([tf.reduce_min(outline, axis=1), tf.reduce_max(outline, axis=1)], axis=-1)


def clip_boxes(boxes: tf.Tensor, window: tf.Tensor) -> tf.Tensor:
    """Clips (N, 4) `xyxy` boxes to a (4,) `xyxy` window."""
    lower, upper = (tf.cast(tf.tile(part, [2]), boxes.dtype) for part in (window[:2], window[2:]))
    return tf.clip_by_value(boxes, lower, upper)


def areas(boxes: tf.Tensor) -> tf.Tensor:
    """Returns (N,) areas of (N, 4) `xyxy` boxes."""
    return (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])


def transform_boxes(
    boxes: tf.Tensor,
    forward: Forward,
    window: tf.Tensor,
    min_visible: tf.Tensor | float,
    points_per_side: int,
) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """Transforms (N, 4) `xyxy` boxes and clips them to a (4,) `xyxy` window.

    Returns (N, 4) float32 boxes, zeros where less than `min_visible` (one for all or (N,)) of the
    hull is in the window, and (N,) bool each: which boxes are visible, which were clipped.
    """
    hulls = box_hulls(boxes, forward, points_per_side)
    clipped = clip_boxes(hulls, window)
    # Boxes without area move to a hull that is thin, not always exactly empty.
    has_area = areas(tf.cast(boxes, tf.float64)) > 0
    area, least = areas(clipped), tf.cast(min_visible, tf.float64) * areas(hulls)
    visible = has_area & (area > 0) & (area >= least)
    cut = tf.reduce_any(tf.abs(clipped - hulls) > 1e-6, axis=-1)
    return tf.cast(tf.where(visible[:, None], clipped, 0.0), tf.float32), visible, cut


def min_visible_of(sample: dict, min_visible: float) -> tf.Tensor | float:
    """Returns the smallest visible fraction of each object: `min_visible`, 0 for crowds."""
    if "crowd" not in sample:
        return min_visible
    return tf.where(sample["crowd"], tf.constant(0.0, tf.float64), min_visible)


def keep_objects(sample: dict, visible: tf.Tensor) -> dict:
    """Returns the sample with the rows of objects that are not `visible` (N,) as padding."""
    if "labels" in sample:
        visible = visible & (sample["labels"] >= 0)
    dropped = dict(sample)
    for key, padding in ROW_PADDING.items():
        # `ObjectMasks` follow their boxes.
        if not is_rows(key, sample) or (key == "masks" and not tf.is_tensor(sample[key])):
            continue
        value = tf.convert_to_tensor(sample[key])
        present = tf.reshape(visible, (-1, *[1] * (value.shape.rank - 1)))
        dropped[key] = tf.where(present, value, tf.cast(padding, value.dtype))
    return dropped


def transform_keypoints(keypoints: tf.Tensor, forward: Forward, window: tf.Tensor) -> tf.Tensor:
    """Transforms (..., K, 3) keypoints; one outside of the window becomes (0, 0, 0)."""
    points = forward(tf.cast(keypoints[..., :2], tf.float64))
    within = (points >= window[:2]) & (points <= window[2:])
    present = tf.reduce_all(within, axis=-1, keepdims=True) & (keypoints[..., 2:] > 0)
    moved = tf.concat([tf.cast(points, tf.float32), keypoints[..., 2:]], axis=-1)
    return tf.where(present, moved, 0.0)


def hide_keypoints(keypoints: tf.Tensor, hidden: tf.Tensor) -> tf.Tensor:
    """Sets the visibility of (..., K, 3) keypoints under `hidden` (H, W) pixels to at most 1."""
    limit = tf.shape(hidden)[::-1] - 1
    pixel = tf.clip_by_value(tf.cast(tf.floor(keypoints[..., :2]), tf.int32), 0, limit)
    under = tf.gather_nd(hidden, pixel[..., ::-1])
    visibility = tf.where(under, tf.minimum(keypoints[..., 2], 1.0), keypoints[..., 2])
    return tf.concat([keypoints[..., :2], visibility[..., None]], axis=-1)


def flipped_keypoint_order(flip_pairs: Sequence[tuple[int, int]], count: int) -> list[int]:
    """Returns the index of the mirror image of each of `count` keypoints."""
    order = list(range(count))
    for left, right in flip_pairs:
        for index in (left, right):
            if not 0 <= index < count:
                raise InputError(f"flip_pairs: index must be in [0, {count - 1}], not {index}.")
            if order[index] != index or left == right:
                raise InputError(
                    f"flip_pairs: keypoint {index} must be in one pair only, not {flip_pairs}."
                )
        order[left], order[right] = right, left
    return order
