"""Running a network over large images tile by tile.

Rows of tiles are strips, and a strip is cut along the other axis: both cuts are one function of one
axis. Sizes are Python integers, or scalar tensors in a TensorFlow graph.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
from keras import ops

from zoo.layers.resample import mirror
from zoo.valid_sizes import ValidSizes

Run = Callable[[Any], Any]
_FAR = 1e9


def in_overlapping_tiles(
    run: Run, inputs, tile: tuple[int, int], overlap: int, channels: int, portable: bool
):
    """Applies `run` to overlapping tiles of (B, H, W, C) and blends the scores (B, H, W, channels).

    The last tile of a row or column is moved inwards, so that none reaches beyond the image. An
    image smaller than a tile is one tile. `portable` needs known H and W.
    """

    def strip(piece):
        return _blended(run, piece, 2, tile[1], overlap, channels, portable)

    return _blended(strip, inputs, 1, tile[0], overlap, channels, portable)


def in_abutting_tiles(
    run: Run, inputs, tile: tuple[int, int], sizes: ValidSizes, channels: int, portable: bool
):
    """Applies a network of valid convolutions by U-Net's overlap-tile strategy.

    The borders of the image are mirrored. Tiles, in pixels of the output, are rounded up to a legal
    size and down to its step, so that their outputs abut on the grid of the network's poolings: the
    scores are those of the undivided image. `portable` needs known H and W.
    """
    _, height, width, _ = ops.shape(inputs)
    (in_height, step_down), (in_width, step_right) = (_legal_tile(s, sizes) for s in tile)
    rows, columns = -(-height // step_down), -(-width // step_right)
    inputs = mirror(
        inputs,
        sizes.margin,
        (rows - 1) * step_down + in_height,
        (columns - 1) * step_right + in_width,
    )

    def cut(piece):
        return run(piece)[:, :step_down, :step_right]

    def strip(piece):
        shape = (inputs.shape[0], step_down, step_right, channels)
        starts = step_right * ops.arange(columns, dtype="int32")
        return _side_by_side(_each(cut, piece, 2, starts, in_width, shape, portable), 2)

    whole = columns * step_right
    shape = (inputs.shape[0], step_down, whole if isinstance(whole, int) else None, channels)
    starts = step_down * ops.arange(rows, dtype="int32")
    scores = _side_by_side(_each(strip, inputs, 1, starts, in_height, shape, portable), 1)
    return scores[:, :height, :width]


def _legal_tile(side: int, sizes: ValidSizes) -> tuple[int, int]:
    """Input side for a tile of `side`, and the distance to the next tile."""
    input_side = sizes.covering(side)
    return input_side, (input_side - 2 * sizes.margin) // sizes.step * sizes.step or sizes.step


def _blended(run: Run, inputs, axis: int, tile: int, overlap: int, channels: int, portable):
    """Scores of the pieces of one axis, blended where they overlap."""
    size = ops.shape(inputs)[axis]
    stride = tile - overlap
    if isinstance(size, int):
        if size <= tile:
            return run(inputs)
        side, count = tile, 1 + -(-(size - tile) // stride)
    else:
        side, count = ops.minimum(tile, size), 1 + ops.maximum(0, -((tile - size) // stride))
    starts = ops.minimum(stride * ops.arange(count, dtype="int32"), size - side)
    shape = [*inputs.shape[:3], channels]
    shape[axis] = side if isinstance(side, int) else None
    scores = _side_by_side(_each(run, inputs, axis, starts, side, shape, portable), axis)
    first, second, fraction = _neighbors(starts, count, side, size, overlap)
    fraction = ops.reshape(fraction, (1, -1, 1, 1) if axis == 1 else (1, 1, -1, 1))
    near, far = ops.take(scores, first, axis=axis), ops.take(scores, second, axis=axis)
    return near + (far - near) * fraction


def _neighbors(starts, count, side, size, overlap: int):
    """Returns the indices of each position in two neighboring pieces, and the second's weight.

    Pieces are laid side by side.
    """
    position = ops.arange(size, dtype="int32")
    center = ops.cast(position, "float32") + 0.5
    # In the middle between the start of a piece and the end of the one before it.
    borders = ops.cast(starts[1:] + starts[:-1] + side, "float32") / 2
    borders = ops.concatenate([borders, ops.full((1,), _FAR, dtype="float32")])
    half = max(overlap / 4, 1e-6)
    passed = ops.cast(center[:, None] >= borders[None] + half, "int32")
    piece = ops.sum(passed, axis=1)
    fraction = ops.clip((center - ops.take(borders, piece) + half) / (2 * half), 0.0, 1.0)

    def index_in(number):
        return number * side + ops.clip(position - ops.take(starts, number), 0, side - 1)

    return index_in(piece), index_in(ops.minimum(piece + 1, count - 1)), fraction


def _side_by_side(pieces, axis: int):
    """Concatenates pieces (n, B, h, w, K) along axis 1 or 2 of (B, h, w, K)."""
    number, batch, height, width, channels = ops.shape(pieces)
    if axis == 1:
        pieces = ops.transpose(pieces, (1, 0, 2, 3, 4))
        return ops.reshape(pieces, (batch, number * height, width, channels))
    pieces = ops.transpose(pieces, (1, 2, 0, 3, 4))
    return ops.reshape(pieces, (batch, height, number * width, channels))


def _each(run: Run, inputs, axis: int, starts, side, shape, portable: bool):
    """Applies `run` to the piece at each start, one after another: (n, *shape) float32."""
    extent = list(ops.shape(inputs))
    extent[axis] = side

    def one(start):
        begin = [0, 0, 0, 0]
        begin[axis] = start
        return run(ops.slice(inputs, begin, extent))

    if keras.backend.backend() != "tensorflow":
        return ops.map(one, starts)
    import tensorflow as tf  # only on its backend

    if portable and None not in shape:
        return _each_portably(one, starts, shape, 0.0 * tf.reduce_min(inputs))
    spec = tf.TensorSpec(shape, tf.float32)
    # Each parallel iteration needs the memory of a tile.
    return tf.map_fn(one, starts, parallel_iterations=1, fn_output_signature=spec)


def _each_portably(one: Run, starts, shape, zero):
    """`tf.map_fn` whose accumulator is not stored as a constant in the LiteRT file."""
    import tensorflow as tf  # only on its backend

    count = starts.shape[0]
    index = tf.reshape(tf.range(count), (count, 1, 1, 1, 1))

    def step(number, scores):
        return number + 1, tf.where(index == number, one(starts[number])[None], scores)

    begin = (tf.constant(0), tf.fill((count, *shape), zero))
    return tf.while_loop(lambda number, _: number < count, step, begin, parallel_iterations=1)[1]
