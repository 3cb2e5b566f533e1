"""Rasterization of polygons and run lengths to masks in the frame of each object's box.

Pixels of a polygon are exactly those of pycocotools: vertices are rounded to fifths of a pixel, and
a pixel is inside if its center is. Everything runs inside TensorFlow's graph, so that pipelines run
in parallel and on other machines.
"""

from __future__ import annotations

import numpy as np
import tensorflow as tf

FIFTHS = 5


def in_fifths(points: np.ndarray | tf.Tensor) -> np.ndarray | tf.Tensor:
    """Converts coordinates in pixels (any shape, float64) to int32 fifths of a pixel."""
    if tf.is_tensor(points):
        return tf.cast(FIFTHS * tf.cast(points, tf.float64) + 0.5, tf.int32)
    return np.trunc(FIFTHS * np.asarray(points, np.float64) + 0.5).astype(np.int32)


def sampled_pixels(
    boxes: tf.Tensor, mask_size: int, height: tf.Tensor, width: tf.Tensor
) -> tuple[tf.Tensor, tf.Tensor]:
    """Returns the pixel under the center of each cell of an M×M grid over boxes (N, 4) `xyxy`.

    Rows (N, M) and columns (N, M) are int32, within the height × width of the image.
    """
    steps = (tf.range(mask_size, dtype=tf.float64) + 0.5) / mask_size
    boxes = tf.cast(boxes, tf.float64)

    def along(low: tf.Tensor, high: tf.Tensor, count: tf.Tensor) -> tf.Tensor:
        positions = low[:, None] + (high - low)[:, None] * steps
        return tf.clip_by_value(tf.cast(tf.floor(positions), tf.int32), 0, count - 1)

    return along(boxes[:, 1], boxes[:, 3], height), along(boxes[:, 0], boxes[:, 2], width)


def polygon_masks(
    points: tf.Tensor,
    sizes: tf.Tensor,
    owners: tf.Tensor,
    rows: tf.Tensor,
    columns: tf.Tensor,
    height: tf.Tensor,
) -> tf.Tensor:
    """Samples the polygons of each object at a grid of pixels: (N, R, C) int32 of 0 and 1.

    Args:
        points: (V, 2) int32 vertices x, y in fifths of a pixel, polygon after polygon.
        sizes: (P,) int32 number of vertices of each polygon.
        owners: (P,) int32 object index of each polygon; an object is the union of its polygons.
        rows: (N, R) int32 pixel rows, non-decreasing along R.
        columns: (N, C) int32 pixel columns.
        height: height of the image, scalar int32.
    """
    polygon = tf.repeat(tf.range(tf.size(sizes)), sizes)
    following = _next_vertex(sizes, polygon)
    edge_owner = tf.gather(owners, polygon)
    start, end = points, tf.gather(points, following)
    # An edge crosses the center of column c where it steps from fifth 5c + 2 to 5c + 3.
    middle = FIFTHS * tf.gather(columns, edge_owner) + FIFTHS // 2
    low = tf.minimum(start[:, 0], end[:, 0])[:, None]
    high = tf.maximum(start[:, 0], end[:, 0])[:, None]
    cuts = tf.cast(tf.where(tf.logical_and(low <= middle, middle < high)), tf.int32)
    edge, column = cuts[:, 0], cuts[:, 1]
    top = _height_of_cut(
        tf.gather(start, edge), tf.gather(end, edge), tf.gather_nd(middle, cuts), height
    )
    row = _rows_above(rows, tf.gather(edge_owner, edge), top, height)
    row_count, column_count = tf.shape(rows)[1], tf.shape(columns)[1]
    toggles = tf.scatter_nd(
        tf.stack([tf.gather(polygon, edge), row, column], axis=1),
        tf.ones_like(row),
        tf.stack([tf.size(sizes), row_count + 1, column_count]),
    )
    inside = tf.cumsum(toggles, axis=1)[:, :-1] % 2
    return tf.maximum(tf.math.unsorted_segment_max(inside, owners, tf.shape(rows)[0]), 0)


def polygon_runs(
    points: tf.Tensor, sizes: tf.Tensor, owners: tf.Tensor, height: tf.Tensor, width: tf.Tensor
) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """Returns the pixels inside of polygons, as runs down the columns of the image.

    Args:
        points, sizes, owners: polygons, as in `polygon_masks`.
        height, width: size of the image, scalar int32.

    Returns:
        (2, R) int32 rows and columns of the first pixels, (R,) lengths, and (R,) object indices.
        Runs of two polygons of one object may overlap.
    """
    polygon = tf.repeat(tf.range(tf.size(sizes)), sizes)
    end = tf.gather(points, _next_vertex(sizes, polygon))
    # As in `polygon_masks`, an edge crosses the columns whose 5c + 2 is from its low to its high x.
    low, high = tf.minimum(points[:, 0], end[:, 0]), tf.maximum(points[:, 0], end[:, 0])
    first, last = (
        tf.clip_by_value((x - FIFTHS // 2 + FIFTHS - 1) // FIFTHS, 0, width) for x in (low, high)
    )
    counts = tf.maximum(last - first, 0)
    edge = tf.repeat(tf.range(tf.size(counts)), counts)
    before = tf.repeat(tf.cumsum(counts, exclusive=True), counts)
    column = tf.gather(first, edge) + tf.range(tf.size(edge)) - before
    middle = FIFTHS * column + FIFTHS // 2
    top = _height_of_cut(tf.gather(points, edge), tf.gather(end, edge), middle, height)
    # A closed outline crosses a column an even number of times; between two crossings is a run.
    rows = tf.cast(height + 1, tf.int64)
    columns = tf.cast(width, tf.int64)
    key = tf.cast(tf.gather(polygon, edge), tf.int64) * columns + tf.cast(column, tf.int64)
    keys = tf.reshape(tf.sort(key * rows + tf.cast(top, tf.int64)), [-1, 2])
    top, bottom = tf.unstack(tf.cast(keys % rows, tf.int32), axis=1)
    key = keys[:, 0] // rows
    owner = tf.gather(owners, key // columns)
    return tf.stack([top, tf.cast(key % columns, tf.int32)]), bottom - top, owner


def run_masks(
    runs: tf.Tensor,
    sizes: tf.Tensor,
    owners: tf.Tensor,
    rows: tf.Tensor,
    columns: tf.Tensor,
    height: tf.Tensor,
    width: tf.Tensor,
) -> tf.Tensor:
    """Samples the run-length encoded mask of each object at a grid of pixels: (N, R, C) int32.

    Args:
        runs: (L,) int32 lengths of runs of 0, 1, 0, … down the columns, mask after mask; those of
            one mask add up to height × width.
        sizes: (Q,) int32 number of runs of each mask.
        owners: (Q,) int32 object index of each mask.
        rows, columns: (N, R) and (N, C) int32 pixels.
        height, width: size of the masks, scalar int32.
    """
    ends = tf.cumsum(tf.cast(runs, tf.int64))
    first = tf.cumsum(sizes, exclusive=True)
    pixel = tf.gather(columns, owners)[:, None, :] * height + tf.gather(rows, owners)[:, :, None]
    count = tf.cast(height, tf.int64) * tf.cast(width, tf.int64)
    before = tf.range(tf.size(sizes, tf.int64), dtype=tf.int64) * count
    position = tf.cast(pixel, tf.int64) + before[:, None, None]
    run = _count_below(ends, tf.reshape(position, (-1,)) + 1)
    inside = (tf.reshape(run, tf.shape(pixel)) - first[:, None, None]) % 2
    return tf.maximum(tf.math.unsorted_segment_max(inside, owners, tf.shape(rows)[0]), 0)


def _next_vertex(sizes: tf.Tensor, polygon: tf.Tensor) -> tf.Tensor:
    """Returns the index of the next vertex; after the last of a polygon comes its first."""
    index = tf.range(tf.size(polygon))
    ends = tf.gather(tf.cumsum(sizes), polygon)
    starts = tf.gather(tf.cumsum(sizes, exclusive=True), polygon)
    return tf.where(index + 1 == ends, starts, index + 1)


def _height_of_cut(
    start: tf.Tensor, end: tf.Tensor, middle: tf.Tensor, height: tf.Tensor
) -> tf.Tensor:
    """Returns the first pixel row below the crossing of each edge from fifth `middle` to the next.

    Along its longer side an edge advances in whole fifths; the other coordinate is rounded.
    """
    span = tf.abs(end - start)
    shallow = span[:, 0] >= span[:, 1]
    along = tf.where(shallow, end[:, 0] - start[:, 0], end[:, 1] - start[:, 1])
    backwards = (along < 0)[:, None]
    start, end = tf.where(backwards, end, start), tf.where(backwards, start, end)
    start, end = tf.cast(start, tf.float64), tf.cast(end, tf.float64)
    x, y = start[:, 0], start[:, 1]
    wide, high = end[:, 0] - x, end[:, 1] - y
    middle = tf.cast(middle, tf.float64)

    slope = tf.math.divide_no_nan(high, wide)
    step = middle - x
    flat = tf.minimum(_rounded(y + slope * step), _rounded(y + slope * (step + 1)))

    slope = tf.math.divide_no_nan(wide, high)

    def passed(step: tf.Tensor) -> tf.Tensor:
        position = _rounded(x + slope * step)
        return tf.where(slope > 0, position > middle, position <= middle)

    # Division finds the step up to rounding; the four around it are tried.
    near = tf.floor(tf.math.divide_no_nan(middle + 0.5 - x, slope)) - 1
    missed = [tf.cast(tf.logical_not(passed(near + i)), tf.float64) for i in range(3)]
    steep = y + near + tf.add_n(missed) - 1

    fifth = tf.where(shallow, flat, steep)
    row = tf.math.ceil((fifth + 0.5) / FIFTHS - 0.5)
    return tf.clip_by_value(tf.cast(row, tf.int32), 0, height)


def _rounded(value: tf.Tensor) -> tf.Tensor:
    return tf.cast(tf.cast(value + 0.5, tf.int64), tf.float64)


def _rows_above(rows: tf.Tensor, owner: tf.Tensor, top: tf.Tensor, height: tf.Tensor) -> tf.Tensor:
    """Returns the number of the owner's rows above pixel row `top`."""
    count, each = tf.shape(rows)[0], tf.shape(rows)[1]
    stride = tf.cast(height + 1, tf.int64)
    keys = tf.cast(rows, tf.int64) + tf.range(tf.cast(count, tf.int64))[:, None] * stride
    limits = tf.cast(top, tf.int64) + tf.cast(owner, tf.int64) * stride
    return _count_below(tf.reshape(keys, (-1,)), limits) - owner * each


def _count_below(sorted_values: tf.Tensor, limits: tf.Tensor) -> tf.Tensor:
    """Returns the number of values less than each limit."""
    # searchsorted fails on an empty tensor, so one value is appended.
    return tf.searchsorted(tf.concat([sorted_values, [tf.int64.max]], axis=0), limits)
