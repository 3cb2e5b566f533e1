"""Instance masks relative to their boxes, resampled after a geometric transform.

A mask of M x M cells covers its box; a cell is 1 if the point at its center belongs to the object.
The cells of an object without outline are 255; it fills its box until its mask is read. However
many transforms a sample passes, its masks are resampled once, from the original cells.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import tensorflow as tf

from training.data.augment.annotation_geometry import areas
from training.data.augment.resampling import Size
from zoo.tasks.sample_schema import COVERED, IGNORE

# Cells per side of the grid that locates the extent of a mask, to half a cell.
EXTENT_CELLS = 112
# A point halfway between object and background belongs to the object despite rounding.
HALF = 0.499


@dataclasses.dataclass(frozen=True)
class ObjectMasks:
    """Masks that can be sampled at any point of the target.

    Attributes:
        masks: (N, M, M) cells, 0 or 1, or fractions in 1/254; all 255 for an object without
            outline.
        boxes: (N, 4) `xyxy` boxes in the source that the masks are relative to.
        back: map from (..., 2) float64 target points x, y to the source.
        hidden: (H, W) bool target pixels covered by an object in front, or None.
    """

    masks: tf.Tensor
    boxes: tf.Tensor
    back: Callable[[tf.Tensor], tf.Tensor]
    hidden: tf.Tensor | None = None

    @property
    def outlined(self) -> tf.Tensor:
        """Which objects have an outline, (N,) bool."""
        ignored = tf.cast(IGNORE, self.masks.dtype)
        return tf.reduce_any(self.masks != ignored, axis=(1, 2))

    def at(self, points: tf.Tensor, rows: tf.Tensor) -> tf.Tensor:
        """Returns (n, A, B) bool: whether objects `rows` (n,) are visible at (n, A, B, 2) points.

        Masks are interpolated between cell centers and thresholded at a half.
        """
        box = tf.cast(tf.gather(self.boxes, rows), tf.float64)[:, None, None]
        fraction = (self.back(points) - box[..., :2]) / tf.maximum(
            box[..., 2:] - box[..., :2], 1e-9
        )
        within = tf.reduce_all((fraction >= 0) & (fraction < 1), axis=-1)
        visible = within & (self._interpolated(fraction, rows) >= HALF)
        if self.hidden is None:
            return visible
        pixel = tf.cast(tf.floor(points), tf.int32)
        pixel = tf.clip_by_value(pixel, 0, tf.shape(self.hidden)[::-1] - 1)
        return visible & ~tf.gather_nd(self.hidden, pixel[..., ::-1])

    def _interpolated(self, fraction: tf.Tensor, rows: tf.Tensor) -> tf.Tensor:
        cells = tf.cast(tf.gather(self.masks, rows), tf.float32)
        largest = tf.reduce_max(tf.where(cells == IGNORE, 0.0, cells))
        cells /= tf.where(largest > 1, float(COVERED), 1.0)
        count, down, across = tf.unstack(tf.shape(cells))
        flat = tf.reshape(cells, (-1,))
        first = tf.range(count)[:, None, None] * (down * across)
        position = fraction * tf.cast(tf.stack([across, down]), tf.float64) - 0.5
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

    def crop(self, boxes: tf.Tensor, size: int | None = None) -> tf.Tensor:
        """Returns (N, size, size) uint8 masks relative to (N, 4) boxes.

        They are empty without area, and 255 for objects without outline.
        """
        down, across = (size, size) if size else tf.unstack(tf.shape(self.masks)[1:])
        visible = self.at(cell_centers(boxes, down, across), tf.range(tf.shape(boxes)[0]))
        values = tf.where(self.outlined[:, None, None], tf.cast(visible, tf.int32), IGNORE)
        values = tf.where((areas(boxes) > 0)[:, None, None], values, 0)
        sides = (size, size) if size else self.masks.shape[1:]
        return tf.ensure_shape(tf.cast(values, tf.uint8), (boxes.shape[0], *sides))

    def tighten(self, boxes: tf.Tensor, loose: tf.Tensor) -> tf.Tensor:
        """Shrinks the `loose` (N,) of (N, 4) float32 boxes to the visible part, or zeros."""
        rows = tf.where(loose)[:, 0]
        picked = tf.gather(boxes, rows)
        visible = self.at(cell_centers(picked, EXTENT_CELLS, EXTENT_CELLS), rows)
        corners = []
        for flip in (False, True):
            for axis in (1, 2):
                line = tf.cast(tf.reduce_any(visible, axis=axis), tf.int32)
                edge = tf.argmax(line[:, ::-1] if flip else line, axis=-1, output_type=tf.int32)
                corners.append(EXTENT_CELLS - edge if flip else edge)
        fraction = tf.cast(tf.stack(corners, axis=-1), tf.float32) / EXTENT_CELLS
        sides = tf.tile(picked[:, 2:] - picked[:, :2], (1, 2))
        tight = tf.tile(picked[:, :2], (1, 2)) + fraction * sides
        # At the far edge the sum may differ from the original border by rounding.
        tight = tf.where(fraction == 1.0, tf.tile(picked[:, 2:], (1, 2)), tight)
        tight = tf.where(tf.reduce_any(visible, axis=(1, 2))[:, None], tight, 0.0)
        return tf.tensor_scatter_nd_update(boxes, rows[:, None], tight)

    def painted(self, boxes: tf.Tensor, chosen: tf.Tensor, size: Size) -> tf.Tensor:
        """Returns (H, W) bool pixels whose center lies in a `chosen` (N,) object."""
        rows = tf.where(chosen)[:, 0]
        limit = tf.constant([size[1], size[0]] * 2, tf.float32)
        edges = tf.concat([tf.floor(boxes[:, :2]), tf.math.ceil(boxes[:, 2:])], axis=-1)
        edges = tf.cast(tf.clip_by_value(edges, 0.0, limit), tf.int32)

        def add(number: tf.Tensor, pixels: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
            row = rows[number]
            left, top, right, bottom = tf.unstack(edges[row])
            x = tf.cast(tf.range(left, right), tf.float64) + 0.5
            y = tf.cast(tf.range(top, bottom), tf.float64) + 0.5
            points = tf.stack(tf.meshgrid(x, y), axis=-1)
            visible = self.at(points[None], row[None])[0]
            padded = tf.pad(visible, [[top, size[0] - bottom], [left, size[1] - right]])
            return number + 1, pixels | tf.ensure_shape(padded, size)

        state = (0, tf.zeros(size, tf.bool))
        return tf.while_loop(lambda number, _: number < tf.size(rows), add, state)[1]


def cell_centers(boxes: tf.Tensor, down: int | tf.Tensor, across: int | tf.Tensor) -> tf.Tensor:
    """Returns (N, down, across, 2) float64 x, y of the centers of the cells of (N, 4) boxes."""
    boxes = tf.cast(boxes, tf.float64)[:, None, None]
    x, y = (
        (tf.cast(tf.range(n), tf.float64) + 0.5) / tf.cast(n, tf.float64) for n in (across, down)
    )
    fraction = tf.stack(tf.meshgrid(x, y), axis=-1)
    return boxes[..., :2] + fraction * (boxes[..., 2:] - boxes[..., :2])
