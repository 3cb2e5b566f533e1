"""Running a network over a large canvas piece by piece.

Rows of tiles are strips, and a strip is cut along the other axis: both cuts are one function of one
axis. Sizes are Python integers, or scalar tensors in a TensorFlow graph.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
from keras import ops

from zoo.layers.resample import mirror
from zoo.model import ValidSizes

Run = Callable[[Any], Any]
_FAR = 1e9


def in_overlapping_tiles(
    run: Run, canvas, tile: tuple[int, int], overlap: int, channels: int, portable: bool
):
    """`run` over tiles that overlap, blended into one map.

    The last tile of a row or column is moved inwards, so that none reaches beyond the canvas. A
    canvas smaller than a tile is one tile.

    Args:
        run: from (B, h, w, C) pixels to (B, h, w, channels) float32 scores.
        canvas: (B, H, W, C).
        tile: height and width, in pixels.
        overlap: in pixels, at most half a tile.
        channels: of the scores.
        portable: only operators that LiteRT has; the size of the canvas must be known.

    Returns:
        (B, H, W, channels) scores.
    """

    def strip(piece):
        return _blended(run, piece, 2, tile[1], overlap, channels, portable)

    return _blended(strip, canvas, 1, tile[0], overlap, channels, portable)


def in_abutting_tiles(
    run: Run, canvas, tile: tuple[int, int], sizes: ValidSizes, channels: int, portable: bool
):
    """U-Net's overlap-tile: a network of valid convolutions sees more than it answers for.

    The borders of the canvas are mirrored. Tiles are rounded up to what the network can answer and
    down to its step, so that their outputs abut on the grid of its poolings: the scores are those
    of the undivided canvas.

    Args:
        run: from (B, h, w, C) pixels to (B, h − 2·margin, w − 2·margin, channels) float32 scores.
        canvas: (B, H, W, C).
        tile: height and width of a tile's answer, in pixels.
        sizes: of the network.
        channels: of the scores.
        portable: only operators that LiteRT has; the size of the canvas must be known.

    Returns:
        (B, H, W, channels) scores.
    """
    _, height, width, _ = ops.shape(canvas)
    (in_height, step_down), (in_width, step_right) = (_legal_tile(s, sizes) for s in tile)
    rows, columns = -(-height // step_down), -(-width // step_right)
    canvas = mirror(
        canvas,
        sizes.margin,
        (rows - 1) * step_down + in_height,
        (columns - 1) * step_right + in_width,
    )

    def cut(piece):
        return run(piece)[:, :step_down, :step_right]

    def strip(piece):
        shape = (canvas.shape[0], step_down, step_right, channels)
        starts = step_right * ops.arange(columns, dtype="int32")
        return _side_by_side(_each(cut, piece, 2, starts, in_width, shape, portable), 2)

    whole = columns * step_right
    shape = (canvas.shape[0], step_down, whole if isinstance(whole, int) else None, channels)
    starts = step_down * ops.arange(rows, dtype="int32")
    scores = _side_by_side(_each(strip, canvas, 1, starts, in_height, shape, portable), 1)
    return scores[:, :height, :width]


def _legal_tile(side: int, sizes: ValidSizes) -> tuple[int, int]:
    """What the network takes for a tile of `side`, and how far the next tile is."""
    taken = sizes.covering(side)
    return taken, (taken - 2 * sizes.margin) // sizes.step * sizes.step or sizes.step


def _blended(run: Run, canvas, axis: int, tile: int, overlap: int, channels: int, portable):
    """`run` over the pieces of one axis, blended where they overlap."""
    size = ops.shape(canvas)[axis]
    stride = tile - overlap
    if isinstance(size, int):
        if size <= tile:
            return run(canvas)
        side, count = tile, 1 + -(-(size - tile) // stride)
    else:
        side, count = ops.minimum(tile, size), 1 + ops.maximum(0, -((tile - size) // stride))
    starts = ops.minimum(stride * ops.arange(count, dtype="int32"), size - side)
    shape = [*canvas.shape[:3], channels]
    shape[axis] = side if isinstance(side, int) else None
    scores = _side_by_side(_each(run, canvas, axis, starts, side, shape, portable), axis)
    first, second, share = _neighbours(starts, count, side, size, overlap)
    share = ops.reshape(share, (1, -1, 1, 1) if axis == 1 else (1, 1, -1, 1))
    near, far = ops.take(scores, first, axis=axis), ops.take(scores, second, axis=axis)
    return near + (far - near) * share


def _neighbours(starts, count, side, size, overlap: int):
    """For each of `size` positions: its places in two neighbouring pieces laid side by side, and
    the share of the second."""
    position = ops.arange(size, dtype="int32")
    centre = ops.cast(position, "float32") + 0.5
    # In the middle between the start of a piece and the end of the one before it.
    borders = ops.cast(starts[1:] + starts[:-1] + side, "float32") / 2
    borders = ops.concatenate([borders, ops.full((1,), _FAR, dtype="float32")])
    half = max(overlap / 4, 1e-6)
    passed = ops.cast(centre[:, None] >= borders[None] + half, "int32")
    piece = ops.sum(passed, axis=1)
    share = ops.clip((centre - ops.take(borders, piece) + half) / (2 * half), 0.0, 1.0)

    def transform_images(number):
        return number * side + ops.clip(position - ops.take(starts, number), 0, side - 1)

    return transform_images(piece), transform_images(ops.minimum(piece + 1, count - 1)), share


def _side_by_side(pieces, axis: int):
    """(n, B, h, w, K) → the pieces in a row along axis 1 or 2 of (B, h, w, K)."""
    number, batch, height, width, channels = ops.shape(pieces)
    if axis == 1:
        pieces = ops.transpose(pieces, (1, 0, 2, 3, 4))
        return ops.reshape(pieces, (batch, number * height, width, channels))
    pieces = ops.transpose(pieces, (1, 2, 0, 3, 4))
    return ops.reshape(pieces, (batch, height, number * width, channels))


def _each(run: Run, canvas, axis: int, starts, side, shape, portable: bool):
    """(n, *shape) float32: `run` of the piece at each start, one after another."""
    extent = list(ops.shape(canvas))
    extent[axis] = side

    def one(start):
        begin = [0, 0, 0, 0]
        begin[axis] = start
        return run(ops.slice(canvas, begin, extent))

    if keras.backend.backend() != "tensorflow":
        return ops.map(one, starts)
    import tensorflow as tf

    if portable and None not in shape:
        return _each_portably(one, starts, shape, 0.0 * tf.reduce_min(canvas))
    spec = tf.TensorSpec(shape, tf.float32)
    # More at a time would take as many times the memory.
    return tf.map_fn(one, starts, parallel_iterations=1, fn_output_signature=spec)


def _each_portably(one: Run, starts, shape, zero):
    """`tf.map_fn` whose result is not a constant of the file before it is filled."""
    import tensorflow as tf

    count = starts.shape[0]
    here = tf.reshape(tf.range(count), (count, 1, 1, 1, 1))

    def step(number, found):
        return number + 1, tf.where(here == number, one(starts[number])[None], found)

    begin = (tf.constant(0), tf.fill((count, *shape), zero))
    return tf.while_loop(lambda number, _: number < count, step, begin, parallel_iterations=1)[1]
