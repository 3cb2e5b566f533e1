"""Bilinear sampling of feature maps, with gradients to the map and to the points."""

from __future__ import annotations

import keras
from keras import ops

from zoo.argument_checks import check_choice
from zoo.boxes.numerics import corners, precise, repaired

OUTSIDE = ("zero", "edge")


def bilinear_sample(features, points, outside: str = "zero"):
    """Returns the values (B, …, C) of maps (B, H, W, C) at points (B, …, 2), bilinearly.

    Points are x, y in cells; (0, 0) is the center of the first cell, and NaN counts as 0. Values
    outside the map are 0, as in spatial transformers (Jaderberg et al., 2015), or for `"edge"`
    those of its border. They are computed in float32 and have the dtype of the map.
    """
    check_choice("outside", outside, OUTSIDE)
    _, height, width, channels = ops.shape(features)
    points = precise(points)
    points = ops.where(ops.equal(points, points), points, ops.zeros_like(points))
    batch = ops.shape(points)[0]
    first = ops.arange(batch, dtype="int32") * height * width
    first = ops.reshape(first, (-1, *[1] * (len(points.shape) - 2)))
    rows = axis_corners(points[..., 1], height, outside)
    columns = axis_corners(points[..., 0], width, outside)
    return weighted_cells(
        ops.reshape(features, (-1, channels)),
        [
            (first + row * width + column, weight_y * weight_x)
            for row, weight_y in rows
            for column, weight_x in columns
        ],
    )


def box_points(boxes, size: int | tuple[int, int], ends: bool = True):
    """Returns a grid of points (B, R, rows, columns, 2) in each box, as DenseCap's affine grid.

    Gradients flow to the boxes (B, R, 4) xyxy; a NaN box gives points at (0, 0). With `ends` the
    outermost points are on the edges of the box, else the points are the centers of equal parts.
    """
    down, across = (size, size) if isinstance(size, int) else size
    x1, y1, x2, y2 = (ops.expand_dims(side, -1) for side in corners(repaired(boxes)))
    x = x1 + (x2 - x1) * _fractions(across, ends, x1.dtype)
    y = y1 + (y2 - y1) * _fractions(down, ends, x1.dtype)
    x, y = ops.expand_dims(x, -2), ops.expand_dims(y, -1)
    return ops.stack([x + ops.zeros_like(y), y + ops.zeros_like(x)], axis=-1)


def _fractions(count: int, ends: bool, dtype):
    line = ops.cast(ops.arange(count, dtype="int32"), dtype)
    return line / max(count - 1, 1) if ends else (line + 0.5) / count


def axis_corners(position, size, outside: str) -> list:
    """Returns the two cells next to each position on one axis, as pairs of index and weight.

    Positions are in cells and broadcast with the cells of the axis, `size`. `"roi"` is the border
    up to one cell outside the map and zero beyond.
    """
    dtype = position.dtype
    size = ops.cast(size, dtype)
    if outside == "zero":
        clipped = ops.minimum(ops.maximum(position, -1.0), size)
    else:
        clipped = ops.minimum(ops.maximum(position, 0.0), size - 1.0)
    before = ops.stop_gradient(ops.floor(clipped))
    weight = clipped - before
    cells = [(before, 1.0 - weight), (before + 1.0, weight)]
    if outside == "roi":
        near = ops.logical_and(position >= -1.0, position <= size)
        cells = [(cell, ops.where(near, weight, 0.0)) for cell, weight in cells]
    if outside == "zero":
        cells = [
            (cell, ops.where(ops.logical_and(cell >= 0, cell < size), weight, 0.0))
            for cell, weight in cells
        ]
    limit = ops.maximum(size - 1.0, 0.0)
    return [
        (ops.cast(ops.minimum(ops.maximum(cell, 0.0), limit), "int32"), weight)
        for cell, weight in cells
    ]


def weighted_cells(table, terms: list):
    """Returns Σ weight × table[index], summed in float32 or float64, in the dtype of the table.

    The table holds the cells (S, C) of all maps; terms are indices (…) int32 and weights (…).
    """
    dtype = keras.backend.standardize_dtype(table.dtype)
    full = "float64" if dtype == "float64" else "float32"
    total = None
    # One gather per term; a single one would take the memory of all terms.
    for index, weight in terms:
        cells = ops.cast(ops.take(table, index, axis=0), full)
        cells = cells * ops.expand_dims(ops.cast(weight, full), -1)
        total = cells if total is None else total + cells
    return ops.cast(total, dtype)
