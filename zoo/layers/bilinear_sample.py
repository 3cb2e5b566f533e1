"""Reading maps between their cells, with gradients to the map and to the place."""

from __future__ import annotations

import keras
from keras import ops

from zoo.boxes.numerics import corners, precise, repaired
from zoo.errors import InputError

OUTSIDE = ("zero", "edge")


def bilinear_sample(features, points, outside: str = "zero"):
    """Values of maps at any points (Jaderberg et al., *Spatial Transformer Networks*, 2015).

    Args:
        features: (B, H, W, C).
        points: (B, …, 2) x, y in cells: (0, 0) is the centre of the first cell. NaN counts
            as 0.
        outside: `"zero"`, the map continues with zeros, as in spatial transformers, or `"edge"`,
            with its border.

    Returns:
        (B, …, C) in the dtype of the map, computed in float32.

    Raises:
        InputError: unknown `outside`.
    """
    if outside not in OUTSIDE:
        raise InputError(f"outside is {' or '.join(OUTSIDE)}, not {outside!r}.")
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
            (first + row * width + column, share_y * share_x)
            for row, share_y in rows
            for column, share_x in columns
        ],
    )


def box_points(boxes, size: int | tuple[int, int], ends: bool = True):
    """A grid of points in each box, as DenseCap's affine grid lays it.

    Args:
        boxes: (B, R, 4) xyxy; a gradient flows to them. A NaN box gives points at (0, 0).
        size: points down and across.
        ends: the outermost points stand on the edges of the box; else all in the middle of equal
            parts of it.

    Returns:
        (B, R, down, across, 2) x, y in the unit of the boxes.
    """
    down, across = (size, size) if isinstance(size, int) else size
    x1, y1, x2, y2 = (ops.expand_dims(side, -1) for side in corners(repaired(boxes)))
    x = x1 + (x2 - x1) * _shares(across, ends, x1.dtype)
    y = y1 + (y2 - y1) * _shares(down, ends, x1.dtype)
    x, y = ops.expand_dims(x, -2), ops.expand_dims(y, -1)
    return ops.stack([x + ops.zeros_like(y), y + ops.zeros_like(x)], axis=-1)


def _shares(count: int, ends: bool, dtype):
    line = ops.cast(ops.arange(count, dtype="int32"), dtype)
    return line / max(count - 1, 1) if ends else (line + 0.5) / count


def axis_corners(position, size, outside: str) -> list:
    """The two cells beside each position on one axis: [(index, share), (index, share)].

    Args:
        position: float tensor in cells.
        size: cells of the axis, a number or an int tensor that broadcasts with the position.
        outside: `"zero"`, `"edge"`, or `"roi"`: the border within one cell of the map, zero beyond.
    """
    dtype = position.dtype
    size = ops.cast(size, dtype)
    if outside == "zero":
        place = ops.minimum(ops.maximum(position, -1.0), size)
    else:
        place = ops.minimum(ops.maximum(position, 0.0), size - 1.0)
    before = ops.stop_gradient(ops.floor(place))
    share = place - before
    cells = [(before, 1.0 - share), (before + 1.0, share)]
    if outside == "roi":
        near = ops.logical_and(position >= -1.0, position <= size)
        cells = [(cell, ops.where(near, part, 0.0)) for cell, part in cells]
    if outside == "zero":
        cells = [
            (cell, ops.where(ops.logical_and(cell >= 0, cell < size), part, 0.0))
            for cell, part in cells
        ]
    limit = ops.maximum(size - 1.0, 0.0)
    return [
        (ops.cast(ops.minimum(ops.maximum(cell, 0.0), limit), "int32"), part)
        for cell, part in cells
    ]


def weighted_cells(table, terms: list):
    """Σ share × table[index] in float32 or float64, in the dtype of the table.

    One gather a term: together they would take as many times the memory of the result.

    Args:
        table: (S, C) cells of all maps.
        terms: pairs of an index int32 (…) and a share (…).
    """
    dtype = keras.backend.standardize_dtype(table.dtype)
    full = "float64" if dtype == "float64" else "float32"
    total = None
    for index, share in terms:
        cells = ops.cast(ops.take(table, index, axis=0), full)
        cells = cells * ops.expand_dims(ops.cast(share, full), -1)
        total = cells if total is None else total + cells
    return ops.cast(total, dtype)
