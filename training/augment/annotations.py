"""Boxes and keypoints through the transform that moves the picture."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import tensorflow as tf

from zoo.errors import InputError

Size = tuple[int, int]
# Takes (..., 2) float64 source points x, y to (..., 2) float64 target points.
Forward = Callable[[tf.Tensor], tf.Tensor]

BOX_FLAGS = ("crowd", "difficult")


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


def clip_boxes(boxes: tf.Tensor, size: Size) -> tf.Tensor:
    """(N, 4) `xyxy` boxes cut at the border of a canvas of `size` = (height, width)."""
    rows, columns = size
    limit = tf.constant([columns, rows, columns, rows], boxes.dtype)
    return tf.clip_by_value(boxes, tf.zeros_like(limit), limit)


def _areas(boxes: tf.Tensor) -> tf.Tensor:
    return (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])


def move_boxes(
    boxes: tf.Tensor, forward: Forward, size: Size, min_kept: float, points_per_side: int
) -> tuple[tf.Tensor, tf.Tensor]:
    """(N, 4) float32 boxes on the target canvas and (N,) bool, which of them are still there.

    A box is kept when it has area and at least the fraction `min_kept` of its hull lies on the
    canvas; one that is not kept becomes zeros.
    """
    hulls = box_hulls(boxes, forward, points_per_side)
    clipped = clip_boxes(hulls, size)
    # Boxes without area move to a hull that is thin, not always exactly empty.
    has_area = _areas(tf.cast(boxes, tf.float64)) > 0
    visible = _areas(clipped)
    kept = has_area & (visible > 0) & (visible >= min_kept * _areas(hulls))
    return tf.cast(tf.where(kept[:, None], clipped, 0.0), tf.float32), kept


def move_objects(
    sample: dict, forward: Forward, size: Size, min_kept: float, points_per_side: int
) -> dict:
    """The entries `boxes`, `labels`, `crowd`, `difficult` and `box` of `sample`, moved.

    A dropped object gets label -1, a zero box, false flags and absent keypoints; it stays in its
    row, so shapes are static. The one object `box` is only cut; zeros when nothing is left of it.
    """
    moved = {}
    if "box" in sample:
        box, _ = move_boxes(sample["box"][None], forward, size, 0.0, points_per_side)
        moved["box"] = box[0]
    if "boxes" not in sample:
        return moved
    boxes, kept = move_boxes(sample["boxes"], forward, size, min_kept, points_per_side)
    if "labels" in sample:
        kept &= sample["labels"] >= 0
        moved["labels"] = tf.where(kept, sample["labels"], -1)
        boxes = tf.where(kept[:, None], boxes, 0.0)
    for flag in BOX_FLAGS:
        if flag in sample:
            moved[flag] = sample[flag] & kept
    if "keypoints" in sample and sample["keypoints"].shape.rank == 3:
        present = tf.cast(kept, sample["keypoints"].dtype)[:, None, None]
        moved["keypoints"] = sample["keypoints"] * present
    return {**moved, "boxes": boxes}


def move_keypoints(keypoints: tf.Tensor, forward: Forward, size: Size) -> tf.Tensor:
    """(..., K, 3) float32 x, y, visibility; a point that leaves the canvas becomes (0, 0, 0)."""
    rows, columns = size
    points = forward(tf.cast(keypoints[..., :2], tf.float64))
    limit = tf.constant([columns, rows], tf.float64)
    on_canvas = tf.reduce_all((points >= 0) & (points <= limit), axis=-1, keepdims=True)
    present = on_canvas & (keypoints[..., 2:] > 0)
    moved = tf.concat([tf.cast(points, tf.float32), keypoints[..., 2:]], axis=-1)
    return tf.where(present, moved, 0.0)


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
