"""RoIPool: max pooling in the bins of boxes, on coordinates rounded to cells.

Girshick, *Fast R-CNN*, ICCV 2015.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from keras import ops

from zoo.boxes.numerics import corners, repaired
from zoo.errors import InputError
from zoo.layers.shapes import check_map, check_positive


def roi_pool(features, boxes, size: int | tuple[int, int], stride: float):
    """Returns the maximum of each bin of each box, 0 for a bin without cells.

    As in the author's code, corners are divided by the stride and rounded, halves away from zero;
    the last cell belongs to the box; bin i of n spans ⌊i·w/n⌋ to ⌈(i+1)·w/n⌉. Boxes are clipped to
    the map first, as are the paper's proposals.

    Maxima over rectangles of 1, 2, 4, … cells per side are computed first; four of them cover any
    bin.

    Args:
        features: map (B, H, W, C) of known height and width.
        boxes: boxes (B, R, 4) xyxy, in pixels of the model input; no gradient flows to them. One
            with a NaN or infinite coordinate counts as the empty box at (0, 0).
        size: rows and columns of bins.
        stride: stride of the map, in pixels.

    Returns:
        Features (B, R, rows, columns, C) in the dtype of the map.
    """
    _, height, width, channels = check_map(features.shape, "RoIPool")
    if height is None or width is None:
        raise InputError(
            f"RoIPool: height and width of the map must be known, not {height} and {width}; "
            "use a fixed input_shape."
        )
    if stride <= 0:
        raise InputError(f"stride must be above 0, not {stride!r}.")
    down, across = (
        check_positive(side, "size") for side in ((size, size) if isinstance(size, int) else size)
    )
    x1, y1, x2, y2 = (
        side / stride for side in corners(repaired(ops.stop_gradient(ops.convert_to_tensor(boxes))))
    )
    rows, columns = _bins(y1, y2, down, height), _bins(x1, x2, across, width)
    tables, firsts = _maxima(features, _powers(down, height), _powers(across, width))
    total = ops.shape(tables)[1]
    tables = ops.reshape(tables, (-1, channels))
    first = ops.reshape(ops.arange(ops.shape(boxes)[0], dtype="int32") * total, (-1, 1, 1, 1))
    widths = len(_powers(across, width))
    level = ops.expand_dims(rows["level"], -1) * widths + ops.expand_dims(columns["level"], -2)
    first = first + ops.take(ops.convert_to_tensor(firsts, "int32"), level, axis=0)
    line = ops.expand_dims(width - columns["span"] + 1, -2)
    best = None
    for row in (rows["first"], rows["last"]):
        for column in (columns["first"], columns["last"]):
            index = first + ops.expand_dims(row, -1) * line + ops.expand_dims(column, -2)
            maximum = ops.take(tables, index, axis=0)
            best = maximum if best is None else ops.maximum(best, maximum)
    filled = ops.logical_and(
        ops.expand_dims(rows["filled"], -1), ops.expand_dims(columns["filled"], -2)
    )
    return ops.where(ops.expand_dims(filled, -1), best, ops.zeros_like(best))


def _powers(bins: int, cells: int) -> list[int]:
    """Sides of the rectangles: powers of two up to the longest bin of a box within the map."""
    longest = min(-(-(cells + 1) // bins) + 1, cells)
    return [2**k for k in range(longest.bit_length())]


def _bins(low, high, bins: int, cells: int) -> dict[str, Any]:
    """Spans of the bins along one axis, each (B, R, bins).

    `span` is the greatest power of two not longer than the bin and `level` its exponent; the spans
    that start at `first` and at `last` cover the bin; `filled` is whether it has cells.
    """
    start, end = (
        ops.cast(ops.floor(ops.minimum(ops.maximum(side, 0.0), float(cells)) + 0.5), "int32")
        for side in (low, high)
    )
    length = ops.expand_dims(ops.maximum(end - start + 1, 1), -1)
    line = ops.arange(bins, dtype="int32")
    start = ops.expand_dims(start, -1)
    first = ops.minimum(start + line * length // bins, cells)
    beyond = ops.minimum(start + ((line + 1) * length + bins - 1) // bins, cells)
    count = beyond - first
    level, span = ops.zeros_like(count), ops.ones_like(count)
    for power in _powers(bins, cells)[1:]:
        fits = ops.cast(count >= power, "int32")
        level, span = level + fits, span * (1 + fits)
    return {
        "first": ops.minimum(first, cells - 1),
        "last": ops.maximum(beyond - span, 0),
        "level": level,
        "span": span,
        "filled": count > 0,
    }


def _maxima(features, heights: Sequence[int], widths: Sequence[int]):
    """Maxima (B, S, C) over all rectangles of these sides, and the first index of each size.

    A size has (H − height + 1)·(W − width + 1) rectangles, row by row.
    """
    batch, _, _, channels = ops.shape(features)
    flat, firsts, total = [], [], 0
    tall = features
    for height in heights:
        if height > 1:
            tall = ops.maximum(tall[:, : -(height // 2)], tall[:, height // 2 :])
        both = tall
        for width in widths:
            if width > 1:
                both = ops.maximum(both[:, :, : -(width // 2)], both[:, :, width // 2 :])
            firsts.append(total)
            total += both.shape[1] * both.shape[2]
            flat.append(ops.reshape(both, (batch, both.shape[1] * both.shape[2], channels)))
    return ops.concatenate(flat, axis=1), firsts
