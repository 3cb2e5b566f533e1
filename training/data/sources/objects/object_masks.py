"""Masks of the objects of one record, from their polygons and run lengths."""

from __future__ import annotations

import tensorflow as tf

from training.data.sources.objects.mask_rasterization import (
    in_fifths,
    polygon_masks,
    run_masks,
    sampled_pixels,
)
from zoo.tasks.sample_schema import COVERED, IGNORE

_SAMPLES_PER_SIDE = 6
"""Samples along each side of a cell for its coverage; of a 640-pixel box a cell has 5.7 pixels."""


def masks_of(
    record: dict[str, tf.Tensor],
    boxes: tf.Tensor,
    image_size: tuple[tf.Tensor, tf.Tensor],
    mask_size: int,
    coverage: bool = False,
    relative: bool = False,
) -> tf.Tensor:
    """Returns the masks of a record's objects, (N, M, M) uint8, relative to their boxes.

    Args:
        record: record of `object_columns`.
        boxes: (N, 4) `xyxy` in pixels.
        image_size: height and width of the image.
        mask_size: cells along each side of a mask, M.
        coverage: whether a cell is the fraction that the object covers, in 1/254, instead of 1 if
            its center is covered.
        relative: whether polygons are fractions of the image's sides.
    """
    height, width = image_size
    points = record["polygons"]
    if relative:
        points = points * tf.cast(tf.stack([width, height]), points.dtype)
        points = in_fifths(points)
    per_side = _SAMPLES_PER_SIDE if coverage else 1
    rows, columns = sampled_pixels(boxes, per_side * mask_size, height, width)
    polygons = (points, record["polygon_sizes"], record["polygon_owners"])
    masks = polygon_masks(*polygons, rows, columns, height)
    size = record["size"]
    runs = (record["runs"], record["run_sizes"], record["run_owners"])
    rows = tf.clip_by_value(rows, 0, tf.maximum(size[1] - 1, 0))
    columns = tf.clip_by_value(columns, 0, tf.maximum(size[0] - 1, 0))
    masks = tf.maximum(masks, run_masks(*runs, rows, columns, size[1], size[0]))
    if coverage:
        cells = (-1, mask_size, per_side, mask_size, per_side)
        covered = tf.reduce_sum(tf.reshape(masks, cells), axis=(2, 4))
        masks = (COVERED * covered + per_side**2 // 2) // per_side**2
    owners = tf.concat([record["polygon_owners"], record["run_owners"]], axis=0)
    parts = tf.math.unsorted_segment_sum(tf.ones_like(owners), owners, tf.shape(boxes)[0])
    masks = tf.where((parts > 0)[:, None, None], masks, IGNORE)
    return tf.ensure_shape(tf.cast(masks, tf.uint8), (None, mask_size, mask_size))
