"""Boxes, keypoints and their rows through the transform that moves the image."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import tensorflow as tf

from training.data.object_padding import OBJECT_KEYS
from zoo.errors import InputError
from zoo.tasks.sample_schema import SCHEMA

Size = tuple[int, int]
# Takes (..., 2) float64 source points x, y to (..., 2) float64 target points.
Forward = Callable[[tf.Tensor], tf.Tensor]

# Sentences stay strings beside the schema until a vocabulary numbers their words.
ROW_PADDING = {**{key: SCHEMA[key].padding for key in OBJECT_KEYS}, "texts": ""}


def is_rows(key: str, sample: dict) -> bool:
    """Whether an entry of `sample` has a row an object; the joints of one person have not."""
    if key not in ROW_PADDING or key not in sample or "boxes" not in sample:
        return False
    return key != "keypoints" or sample[key].shape.rank == 3


def canvas_window(size: Size) -> tf.Tensor:
    """(4,) float64 `xyxy`: the whole canvas of `size` = (height, width)."""
    return tf.constant([0, 0, size[1], size[0]], tf.float64)


def box_hulls(boxes: tf.Tensor, forward: Forward, points_per_side: int) -> tf.Tensor:
    """(N, 4) float64 axis-aligned hulls of the moved outlines of (N, 4) `xyxy` boxes.

    `points_per_side` = 1 takes the four corners, exact for a matrix; more follow a curved edge.
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
    """(N, 4) `xyxy` boxes cut at the border of a (4,) `xyxy` window."""
    lower, upper = (tf.cast(tf.tile(part, [2]), boxes.dtype) for part in (window[:2], window[2:]))
    return tf.clip_by_value(boxes, lower, upper)


def areas(boxes: tf.Tensor) -> tf.Tensor:
    """(N,) areas of (N, 4) `xyxy` boxes."""
    return (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])


def move_boxes(
    boxes: tf.Tensor,
    forward: Forward,
    window: tf.Tensor,
    min_kept: tf.Tensor | float,
    points_per_side: int,
) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """(N, 4) float32 boxes on the target canvas; (N,) bool, which of them are still there; (N,)
    bool, which of them the border cut.

    A box is kept when it has area and at least the fraction `min_kept` (a number, or one for each
    box) of its hull lies in the `window` of the canvas; one that is not kept becomes zeros.
    """
    hulls = box_hulls(boxes, forward, points_per_side)
    clipped = clip_boxes(hulls, window)
    # Boxes without area move to a hull that is thin, not always exactly empty.
    has_area = areas(tf.cast(boxes, tf.float64)) > 0
    visible = areas(clipped)
    kept = has_area & (visible > 0) & (visible >= tf.cast(min_kept, tf.float64) * areas(hulls))
    cut = tf.reduce_any(tf.abs(clipped - hulls) > 1e-6, axis=-1)
    return tf.cast(tf.where(kept[:, None], clipped, 0.0), tf.float32), kept, cut


def least_kept(sample: dict, min_kept: float) -> tf.Tensor | float:
    """Fraction of each object that must stay in sight; of a crowd region, anything counts."""
    if "crowd" not in sample:
        return min_kept
    return tf.where(sample["crowd"], tf.constant(0.0, tf.float64), min_kept)


def drop_objects(sample: dict, kept: tf.Tensor) -> dict:
    """`sample` with the rows that are not `kept` (N,) turned into padding.

    A dropped object gets label −1, a zero box, false flags, absent keypoints and no sentence; it
    stays in its row, so shapes are static.
    """
    if "labels" in sample:
        kept = kept & (sample["labels"] >= 0)
    dropped = dict(sample)
    for key, padding in ROW_PADDING.items():
        # Masks that are still to be read follow their boxes.
        if not is_rows(key, sample) or (key == "masks" and not tf.is_tensor(sample[key])):
            continue
        value = tf.convert_to_tensor(sample[key])
        present = tf.reshape(kept, (-1, *[1] * (value.shape.rank - 1)))
        dropped[key] = tf.where(present, value, tf.cast(padding, value.dtype))
    return dropped


def move_keypoints(keypoints: tf.Tensor, forward: Forward, window: tf.Tensor) -> tf.Tensor:
    """(..., K, 3) float32 x, y, visibility; a point that leaves the window becomes (0, 0, 0)."""
    points = forward(tf.cast(keypoints[..., :2], tf.float64))
    within = (points >= window[:2]) & (points <= window[2:])
    present = tf.reduce_all(within, axis=-1, keepdims=True) & (keypoints[..., 2:] > 0)
    moved = tf.concat([tf.cast(points, tf.float32), keypoints[..., 2:]], axis=-1)
    return tf.where(present, moved, 0.0)


def hide_keypoints(keypoints: tf.Tensor, hidden: tf.Tensor) -> tf.Tensor:
    """(..., K, 3) keypoints of which those under `hidden` (H, W) bool pixels are not visible."""
    limit = tf.shape(hidden)[::-1] - 1
    pixel = tf.clip_by_value(tf.cast(tf.floor(keypoints[..., :2]), tf.int32), 0, limit)
    under = tf.gather_nd(hidden, pixel[..., ::-1])
    visibility = tf.where(under, tf.minimum(keypoints[..., 2], 1.0), keypoints[..., 2])
    return tf.concat([keypoints[..., :2], visibility[..., None]], axis=-1)


def swapped_joints(joint_pairs: Sequence[tuple[int, int]], joints: int) -> list[int]:
    """For each of the `joints` rows, the row it takes when left and right change places.

    Raises InputError when a pair names a joint that does not exist or one that is already paired.
    """
    order = list(range(joints))
    for left, right in joint_pairs:
        for joint in (left, right):
            if not 0 <= joint < joints:
                raise InputError(
                    f"joint_pairs: joint {joint} does not exist; joints are 0 to {joints - 1}"
                )
            if order[joint] != joint or left == right:
                raise InputError(f"joint_pairs: joint {joint} may be in one pair of two joints")
        order[left], order[right] = right, left
    return order
