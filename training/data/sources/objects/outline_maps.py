"""Class maps drawn from the outlines of objects, exactly, inside TensorFlow's graph.

Outlines become runs of pixels down the columns of the image, as in run-length encoding; what they
cost depends on the objects' areas, not on their number.
"""

from __future__ import annotations

import tensorflow as tf

from training.data.sources.objects.mask_rasterization import in_fifths, polygon_runs
from zoo.tasks.sample_schema import IGNORE

BACKGROUND = "background"

_PIXELS_AT_ONCE = 4_000_000
_HALF = 32

Runs = tuple[tf.Tensor, tf.Tensor, tf.Tensor]
"""Row and column of the first pixel of each run, stacked (2, R); lengths (R,); objects (R,)."""


def map_classes(object_names: tuple[str, ...]) -> tuple[tuple[str, ...], list[int]]:
    """Returns the class names of the map, background first, and the class of each object class.

    Objects of a class named `background` are background.
    """
    names = [name for name in object_names if name.lower() != BACKGROUND]
    index = {name: number for number, name in enumerate(names, 1)}
    return (BACKGROUND, *names), [index.get(name, 0) for name in object_names]


def class_map(
    record: dict[str, tf.Tensor],
    objects: dict[str, tf.Tensor],
    classes: tf.Tensor,
    size: tuple[tf.Tensor, tf.Tensor],
    relative: bool,
) -> tf.Tensor:
    """Returns the (H, W) int32 class map of an image's objects.

    Of two objects the smaller one is in front, of two equal ones the later. Crowds, difficult
    objects, and the boxes of objects without outline are ignored where no object is in front.

    Args:
        record: columns of polygons and run lengths, see `columns_of`.
        objects: `boxes` (N, 4), `labels`, `crowd` and `difficult` (N,) of the image.
        classes: (C,) int32 class in the map of each label.
        size: height and width of the image, int32 scalars.
        relative: whether polygons are fractions of the image's sides.
    """
    height, width = size
    points = record["polygons"]
    if relative:
        points = in_fifths(points * tf.cast(tf.stack([width, height]), points.dtype))
    polygons = (points, record["polygon_sizes"], record["polygon_owners"])
    outlines = _joined(polygon_runs(*polygons, height, width), _runs_of_masks(record))
    count = tf.size(objects["labels"])
    areas = tf.math.unsorted_segment_sum(outlines[1], outlines[2], count)
    outlined = areas > 0
    ignored = objects["crowd"] | objects["difficult"] | ~outlined
    # Ignored regions come first, then the largest object.
    order = tf.argsort(tf.where(ignored, tf.int32.min, -areas))
    ranks = tf.scatter_nd(order[:, None], tf.range(1, count + 1), [count])
    ranks = tf.where(objects["labels"] >= 0, ranks, 0)
    values = tf.where(ignored, IGNORE, tf.gather(classes, tf.maximum(objects["labels"], 0)))
    runs = _joined(outlines, _runs_of_boxes(objects["boxes"], ~outlined, height, width))
    drawn = _draw(runs, ranks, height, width)
    return tf.gather(tf.concat([[0], tf.gather(values, order)], axis=0), drawn)


def _draw(runs: Runs, ranks: tf.Tensor, height: tf.Tensor, width: tf.Tensor) -> tf.Tensor:
    """Returns the (H, W) int32 highest rank of the objects at each pixel, 0 without any.

    The pixels of a few runs at a time are listed, so that memory is limited.
    """
    starts, lengths, owners = runs
    row, column = tf.unstack(starts)
    lengths = tf.where(column < width, tf.maximum(tf.minimum(lengths, height - row), 0), 0)
    # The upper half of a number is the rank, the lower half the pixel, down the columns.
    first = tf.cast(column * height + row, tf.int64)
    first += tf.bitwise.left_shift(
        tf.cast(tf.gather(ranks, owners), tf.int64), tf.constant(_HALF, tf.int64)
    )
    stop = first + tf.cast(lengths, tf.int64)
    ends = tf.cumsum(tf.cast(lengths, tf.int64))
    pixels = height * width

    def step(run: tf.Tensor, drawn: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        last = tf.searchsorted(ends, ends[run][None] + _PIXELS_AT_ONCE, side="right")[0]
        numbers = tf.ragged.range(first[run:last], stop[run:last]).values
        rank = tf.cast(tf.bitwise.right_shift(numbers, tf.constant(_HALF, tf.int64)), tf.int32)
        found = tf.math.unsorted_segment_max(rank, tf.cast(numbers, tf.int32), pixels)
        return last, tf.maximum(drawn, found)

    shapes = [tf.TensorShape([]), tf.TensorShape([None])]
    blank = tf.zeros([pixels], tf.int32)
    count = tf.size(lengths)
    _, drawn = tf.while_loop(
        lambda run, drawn: run < count, step, [0, blank], shapes, parallel_iterations=1
    )
    return tf.transpose(tf.reshape(drawn, [width, height]))


def _joined(first: Runs, second: Runs) -> Runs:
    starts, lengths, owners = (tf.concat(pair, -1) for pair in zip(first, second, strict=True))
    return starts, lengths, owners


def _runs_of_masks(record: dict[str, tf.Tensor]) -> Runs:
    """Returns the runs of the run-length encoded masks, cut at the ends of columns."""
    width, height = tf.unstack(record["size"])
    lengths, sizes = record["runs"], record["run_sizes"]
    mask = tf.repeat(tf.range(tf.size(sizes)), sizes)
    number = tf.range(tf.size(lengths)) - tf.gather(tf.cumsum(sizes, exclusive=True), mask)
    ends = tf.cumsum(tf.cast(lengths, tf.int64))
    pixels = tf.cast(height, tf.int64) * tf.cast(width, tf.int64)
    start = tf.cast(ends - tf.cast(lengths, tf.int64) - tf.cast(mask, tf.int64) * pixels, tf.int32)
    inside = (number % 2 == 1) & (lengths > 0)
    start, length = tf.boolean_mask(start, inside), tf.boolean_mask(lengths, inside)
    owner = tf.gather(record["run_owners"], tf.boolean_mask(mask, inside))
    height = tf.maximum(height, 1)
    first, last = start // height, (start + length - 1) // height
    pieces = last - first + 1
    run = tf.repeat(tf.range(tf.size(start)), pieces)
    piece = tf.range(tf.size(run)) - tf.repeat(tf.cumsum(pieces, exclusive=True), pieces)
    column = tf.gather(first, run) + piece
    top = tf.maximum(tf.gather(start, run) - column * height, 0)
    bottom = tf.minimum(tf.gather(start + length, run) - column * height, height)
    return tf.stack([top, column]), bottom - top, tf.gather(owner, run)


def _runs_of_boxes(
    boxes: tf.Tensor, chosen: tf.Tensor, height: tf.Tensor, width: tf.Tensor
) -> Runs:
    """Returns the runs of the pixels that the chosen boxes (N, 4) touch."""
    low = tf.cast(tf.floor(boxes[:, :2]), tf.int32)
    high = tf.minimum(tf.cast(tf.math.ceil(boxes[:, 2:]), tf.int32), tf.stack([width, height]))
    counts = tf.where(chosen, tf.maximum(high[:, 0] - low[:, 0], 0), 0)
    owner = tf.repeat(tf.range(tf.size(counts)), counts)
    before = tf.repeat(tf.cumsum(counts, exclusive=True), counts)
    column = tf.gather(low[:, 0], owner) + tf.range(tf.size(owner)) - before
    row = tf.gather(low[:, 1], owner)
    return tf.stack([row, column]), tf.maximum(tf.gather(high[:, 1], owner) - row, 0), owner
