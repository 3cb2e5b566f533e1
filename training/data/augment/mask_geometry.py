"""Instance masks, each in the frame of its own box, read wherever the image has moved to.

A mask of M x M cells covers its box; a cell says whether the point at its centre belongs to the
object. However a sample is changed, its masks are read once, from the cells they came with.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import tensorflow as tf

from training.data.augment.annotation_geometry import areas
from training.data.augment.resampling import Size

# Cells a side in which the extent of a mask is looked for; its box is then right to half a cell.
EXTENT_CELLS = 112
# A point halfway between object and background counts as object whatever the rounding.
HALF = 0.499


@dataclasses.dataclass(frozen=True)
class ObjectMasks:
    """Masks that can be asked at any point of the canvas.

    masks: (N, M, M) cells, 0 or 1. boxes: (N, 4) `xyxy` in the source, the frames of the masks.
    back: takes (..., 2) float64 points x, y of the canvas to the source.
    hidden: None or (H, W) bool, canvas pixels that something in front has taken.
    """

    masks: tf.Tensor
    boxes: tf.Tensor
    back: Callable[[tf.Tensor], tf.Tensor]
    hidden: tf.Tensor | None = None

    def at(self, points: tf.Tensor, rows: tf.Tensor) -> tf.Tensor:
        """(n, A, B) bool: whether each of the objects `rows` (n,) is seen at its own (n, A, B, 2)
        canvas points. Between the centres of cells the mask is interpolated and cut at a half."""
        box = tf.cast(tf.gather(self.boxes, rows), tf.float64)[:, None, None]
        share = (self.back(points) - box[..., :2]) / tf.maximum(box[..., 2:] - box[..., :2], 1e-9)
        within = tf.reduce_all((share >= 0) & (share < 1), axis=-1)
        seen = within & (self._interpolated(share, rows) >= HALF)
        if self.hidden is None:
            return seen
        pixel = tf.cast(tf.floor(points), tf.int32)
        pixel = tf.clip_by_value(pixel, 0, tf.shape(self.hidden)[::-1] - 1)
        return seen & ~tf.gather_nd(self.hidden, pixel[..., ::-1])

    def _interpolated(self, share: tf.Tensor, rows: tf.Tensor) -> tf.Tensor:
        cells = tf.cast(tf.gather(self.masks, rows), tf.float32)
        count, down, across = tf.unstack(tf.shape(cells))
        flat = tf.reshape(cells, (-1,))
        first = tf.range(count)[:, None, None] * (down * across)
        position = share * tf.cast(tf.stack([across, down]), tf.float64) - 0.5
        corner = tf.floor(position)
        weight = tf.cast(position - corner, tf.float32)
        corner = tf.cast(corner, tf.int32)
        lines = []
        for step in (0, 1):
            line = first + tf.clip_by_value(corner[..., 1] + step, 0, down - 1) * across
            left, right = (
                tf.gather(flat, line + tf.clip_by_value(corner[..., 0] + side, 0, across - 1))
                for side in (0, 1)
            )
            lines.append(left + (right - left) * weight[..., 0])
        return lines[0] + (lines[1] - lines[0]) * weight[..., 1]

    def in_frames(self, boxes: tf.Tensor, size: int | None = None) -> tf.Tensor:
        """(N, size, size) uint8 masks in the frames of `boxes` (N, 4) on the canvas; without a
        `size`, as many cells as they came with. A box without area has an empty mask."""
        down, across = (size, size) if size else tf.unstack(tf.shape(self.masks)[1:])
        seen = self.at(cell_centers(boxes, down, across), tf.range(tf.shape(boxes)[0]))
        seen &= (areas(boxes) > 0)[:, None, None]
        sides = (size, size) if size else self.masks.shape[1:]
        return tf.ensure_shape(tf.cast(seen, tf.uint8), (boxes.shape[0], *sides))

    def hug(self, boxes: tf.Tensor, loose: tf.Tensor) -> tf.Tensor:
        """(N, 4) float32 canvas boxes of which those that are `loose` (N,) are tight around what
        is seen of their object; zeros where nothing is."""
        rows = tf.where(loose)[:, 0]
        picked = tf.gather(boxes, rows)
        seen = self.at(cell_centers(picked, EXTENT_CELLS, EXTENT_CELLS), rows)
        corners = []
        for flip in (False, True):
            for axis in (1, 2):
                line = tf.cast(tf.reduce_any(seen, axis=axis), tf.int32)
                edge = tf.argmax(line[:, ::-1] if flip else line, axis=-1, output_type=tf.int32)
                corners.append(EXTENT_CELLS - edge if flip else edge)
        share = tf.cast(tf.stack(corners, axis=-1), tf.float32) / EXTENT_CELLS
        sides = tf.tile(picked[:, 2:] - picked[:, :2], (1, 2))
        tight = tf.tile(picked[:, :2], (1, 2)) + share * sides
        # At the far edge the sum may miss the border it started from by a rounding.
        tight = tf.where(share == 1.0, tf.tile(picked[:, 2:], (1, 2)), tight)
        tight = tf.where(tf.reduce_any(seen, axis=(1, 2))[:, None], tight, 0.0)
        return tf.tensor_scatter_nd_update(boxes, rows[:, None], tight)

    def painted(self, boxes: tf.Tensor, chosen: tf.Tensor, size: Size) -> tf.Tensor:
        """(H, W) bool: the pixels of a canvas of `size` whose centre lies in a `chosen` (N,)
        object; `boxes` (N, 4) are where the objects are on the canvas."""
        rows = tf.where(chosen)[:, 0]
        limit = tf.constant([size[1], size[0]] * 2, tf.float32)
        edges = tf.concat([tf.floor(boxes[:, :2]), tf.math.ceil(boxes[:, 2:])], axis=-1)
        edges = tf.cast(tf.clip_by_value(edges, 0.0, limit), tf.int32)

        def add(number: tf.Tensor, canvas: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
            row = rows[number]
            left, top, right, bottom = tf.unstack(edges[row])
            x = tf.cast(tf.range(left, right), tf.float64) + 0.5
            y = tf.cast(tf.range(top, bottom), tf.float64) + 0.5
            points = tf.stack(tf.meshgrid(x, y), axis=-1)
            seen = self.at(points[None], row[None])[0]
            padded = tf.pad(seen, [[top, size[0] - bottom], [left, size[1] - right]])
            return number + 1, canvas | tf.ensure_shape(padded, size)

        def more(number: tf.Tensor, canvas: tf.Tensor) -> tf.Tensor:
            return number < tf.size(rows)

        return tf.while_loop(more, add, (0, tf.zeros(size, tf.bool)))[1]


def cell_centers(boxes: tf.Tensor, down: int | tf.Tensor, across: int | tf.Tensor) -> tf.Tensor:
    """(N, down, across, 2) float64 x, y: the centres of the cells that divide (N, 4) boxes."""
    boxes = tf.cast(boxes, tf.float64)[:, None, None]
    x, y = (
        (tf.cast(tf.range(n), tf.float64) + 0.5) / tf.cast(n, tf.float64) for n in (across, down)
    )
    share = tf.stack(tf.meshgrid(x, y), axis=-1)
    return boxes[..., :2] + share * (boxes[..., 2:] - boxes[..., :2])
