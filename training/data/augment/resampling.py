"""Resampling of images and label maps through a 3x3 matrix or a dense displacement field.

An image extends to the outer edge of its border pixels, as in `tf.image.resize`: a target pixel
whose center falls inside is interpolated from the existing pixels, one whose center falls outside
gets the fill value. Nothing bleeds in from beyond the border.
"""

from __future__ import annotations

import tensorflow as tf

from training.data.augment import matrices
from training.data.augment.augmentation import EDGE, REFLECT, Fill

Size = tuple[int, int]

# A matrix that also rotates or shears is interpolated once more after the pre-shrink, so a slight
# reduction is left to the interpolation alone; a pure resize loses nothing by shrinking first.
SHRINK_THRESHOLD = 1.5


def pixel_centers(size: Size) -> tuple[tf.Tensor, tf.Tensor]:
    """Returns the pixel centers of a `size`: x of shape (1, W) and y of shape (H, 1), float64."""
    rows, columns = size
    x = tf.range(columns, dtype=tf.float64)[None, :] + 0.5
    y = tf.range(rows, dtype=tf.float64)[:, None] + 0.5
    return x, y


def map_points(matrix: tf.Tensor, x: tf.Tensor, y: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Maps coordinates `x`, `y` (float64, broadcastable shapes) through an affine matrix."""
    return (
        matrix[0, 0] * x + matrix[0, 1] * y + matrix[0, 2],
        matrix[1, 0] * x + matrix[1, 1] * y + matrix[1, 2],
    )


def inside(x: tf.Tensor, y: tf.Tensor, source: tf.Tensor) -> tf.Tensor:
    """Returns (H, W) bool: which positions lie in an image of `source` = [height, width]."""
    height, width = tf.unstack(tf.cast(source, x.dtype))
    return (x >= 0) & (x < width) & (y >= 0) & (y < height)


def window_mask(window: tf.Tensor, size: Size) -> tf.Tensor:
    """Returns the (H, W) bool mask of a (4,) int32 `xyxy` window of a target."""
    x, y = tf.range(size[1])[None], tf.range(size[0])[:, None]
    return (x >= window[0]) & (x < window[2]) & (y >= window[1]) & (y < window[3])


def shrink_first(
    image: tf.Tensor, matrix: tf.Tensor, size: Size | None = None
) -> tuple[tf.Tensor, tf.Tensor]:
    """Resizes (H, W, C) to float32, anti-aliased, along axes that `matrix` shrinks strongly.

    An image that the matrix resizes to whole pixels within `size` is also enlarged. Also returns
    the matrix from the new image to the same target.
    """
    source = tf.shape(image)[:2]
    factors = tf.sqrt(tf.reduce_sum(matrix[:2, :2] ** 2, axis=0))[::-1]
    upright = (tf.abs(matrix[0, 1]) + tf.abs(matrix[1, 0])) < 1e-9
    limit = tf.where(upright, tf.constant(1.0, tf.float64), 1.0 / SHRINK_THRESHOLD)
    sides = tf.cast(source, tf.float64)
    smaller = tf.maximum(tf.cast(tf.round(sides * factors), tf.int32), 1)
    reduced = tf.where(factors < limit, tf.minimum(smaller, source), source)
    if size is not None:
        whole = tf.reduce_all(tf.abs(sides * factors - tf.round(sides * factors)) < 1e-6)
        fits = tf.reduce_all(smaller <= tf.constant(size))
        reduced = tf.where(upright & whole & fits, smaller, reduced)

    def shrink() -> tf.Tensor:
        return tf.image.resize(image, reduced, antialias=True)

    shape = tf.TensorShape([None, None, image.shape[-1]])
    shrunk = tf.cond(tf.reduce_all(reduced == source), lambda: tf.cast(image, tf.float32), shrink)
    shrunk = tf.ensure_shape(shrunk, shape)
    back = matrices.resize(tf.unstack(reduced), tf.unstack(source))
    return shrunk, tf.linalg.matmul(matrix, back)


def project(
    pixels: tf.Tensor, matrix: tf.Tensor, size: Size, method: str, border: str
) -> tf.Tensor:
    """Resamples (h, w, C) to (H, W, C) through the forward `matrix` in one native operation."""
    half = matrices.translation(0.5, 0.5)
    inverse = matrices.compose(half, tf.linalg.inv(matrix), matrices.translation(-0.5, -0.5))
    output = tf.raw_ops.ImageProjectiveTransformV3(
        images=pixels[None],
        transforms=tf.cast(tf.reshape(inverse, (1, 9))[:, :8], tf.float32),
        output_shape=tf.constant(size, tf.int32),
        fill_value=0.0,
        interpolation=method,
        fill_mode=border,
    )[0]
    return tf.ensure_shape(output, (*size, pixels.shape[-1]))


def _keeps_pixels(matrix: tf.Tensor) -> tf.Tensor:
    """Returns whether a matrix only flips and translates by whole pixels."""
    linear, shift = matrix[:2, :2], matrix[:2, 2]
    exact = tf.reduce_all(tf.abs(tf.abs(linear) - tf.eye(2, dtype=tf.float64)) < 1e-9)
    return exact & tf.reduce_all(tf.abs(shift - tf.round(shift)) < 1e-6)


def _copied(pixels: tf.Tensor, matrix: tf.Tensor, size: Size) -> tf.Tensor:
    """Returns the result of `project` for a `_keeps_pixels` matrix, zeros outside."""
    flipped = tf.stack([matrix[1, 1] < 0, matrix[0, 0] < 0, False])
    pixels = tf.raw_ops.Reverse(tensor=pixels, dims=flipped)
    sides = tf.shape(pixels)[:2]
    shift = tf.cast(tf.round(matrix[:2, 2][::-1]), tf.int32)
    corner = tf.where(flipped[:2], shift - sides, shift)
    first = tf.minimum(tf.maximum(-corner, 0), sides)
    before = tf.clip_by_value(corner, 0, size)
    count = tf.minimum(sides - first, size - before)
    part = tf.slice(pixels, tf.pad(first, [[0, 1]]), tf.concat([count, [-1]], axis=0))
    after = size - before - count
    padded = tf.pad(part, tf.pad(tf.stack([before, after], axis=1), [[0, 1], [0, 0]]))
    return tf.ensure_shape(padded, (*size, pixels.shape[-1]))


def _index(position: tf.Tensor, length: tf.Tensor, border: str) -> tf.Tensor:
    if border == "NEAREST":
        return tf.clip_by_value(position, 0, length - 1)
    wrapped = tf.math.floormod(position, 2 * length)
    return tf.minimum(wrapped, 2 * length - 1 - wrapped)


def gather_nearest(pixels: tf.Tensor, x: tf.Tensor, y: tf.Tensor) -> tf.Tensor:
    """Gathers the pixels of (h, w, C) that contain the source positions `x`, `y` (H, W)."""
    height, width = tf.unstack(tf.shape(pixels)[:2])
    column = _index(tf.cast(tf.floor(x), tf.int32), width, "NEAREST")
    row = _index(tf.cast(tf.floor(y), tf.int32), height, "NEAREST")
    return tf.gather(tf.reshape(pixels, (-1, pixels.shape[-1])), row * width + column)


def gather_bilinear(pixels: tf.Tensor, x: tf.Tensor, y: tf.Tensor, border: str) -> tf.Tensor:
    """Interpolates (h, w, C) bilinearly at the source positions `x`, `y` of shape (H, W)."""
    height, width = tf.unstack(tf.shape(pixels)[:2])
    flat = tf.reshape(pixels, (-1, pixels.shape[-1]))
    left, top = tf.floor(x - 0.5), tf.floor(y - 0.5)
    right_weight = tf.cast(x - 0.5 - left, tf.float32)[..., None]
    bottom_weight = tf.cast(y - 0.5 - top, tf.float32)[..., None]
    columns = [_index(tf.cast(left, tf.int32) + step, width, border) for step in (0, 1)]
    rows = [_index(tf.cast(top, tf.int32) + step, height, border) * width for step in (0, 1)]
    lines = []
    for row in rows:
        first, second = tf.gather(flat, row + columns[0]), tf.gather(flat, row + columns[1])
        lines.append(first + (second - first) * right_weight)
    return lines[0] + (lines[1] - lines[0]) * bottom_weight


def sample_image(image, matrix, size, fill: Fill = 0.0, field=None) -> tf.Tensor:
    """Resamples (h, w, C) bilinearly to float32, anti-aliased where the matrix shrinks.

    Pixels outside are `fill`: a number, one number per channel, `"reflect"` or `"edge"`.
    """
    border = "REFLECT" if fill == REFLECT else "NEAREST"
    shrunk, matrix = shrink_first(image, matrix, None if fill == REFLECT else size)
    if field is None:
        output = tf.cond(
            _keeps_pixels(matrix) & (fill != REFLECT),
            lambda: _copied(shrunk, matrix, size),
            lambda: project(shrunk, matrix, size, "BILINEAR", border),
        )
    else:
        output = gather_bilinear(shrunk, *source_positions(matrix, size, field), border)
    if fill in (REFLECT, EDGE):
        return output
    return fill_outside(output, matrix, fill, tf.shape(shrunk)[:2], field)


def fill_outside(pixels, matrix, fill, source: tf.Tensor, field=None) -> tf.Tensor:
    """Sets (H, W) or (H, W, C) to `fill` outside an image of `source` = [height, width]."""
    size = (pixels.shape[0], pixels.shape[1])

    def filled() -> tf.Tensor:
        within = inside(*source_positions(matrix, size, field), source)
        within = within if pixels.shape.rank == 2 else within[..., None]
        return tf.where(within, pixels, tf.cast(fill, pixels.dtype))

    if field is not None:
        return filled()
    # Testing every pixel takes about as long as decoding the image.
    return tf.cond(covers(matrix, size, source), lambda: pixels, filled)


def covers(matrix: tf.Tensor, size: Size, source: tf.Tensor) -> tf.Tensor:
    """Returns whether an image of `source` = [height, width] fills a target of `size`."""
    x = tf.constant([[0.5, size[1] - 0.5]], tf.float64)
    y = tf.constant([[0.5], [size[0] - 0.5]], tf.float64)
    return tf.reduce_all(inside(*map_points(tf.linalg.inv(matrix), x, y), source))


def sample_map(labels, matrix, size, fill: int, field=None) -> tf.Tensor:
    """Resamples an (h, w) integer map to (H, W) at the nearest pixels, `fill` outside."""
    if field is None:
        output = project(labels[..., None], matrix, size, "NEAREST", "NEAREST")[..., 0]
    else:
        output = gather_nearest(labels[..., None], *source_positions(matrix, size, field))[..., 0]
    return fill_outside(output, matrix, fill, tf.shape(labels), field)


def source_positions(matrix: tf.Tensor, size: Size, field=None) -> tuple[tf.Tensor, tf.Tensor]:
    """Returns x and y (H, W) float64: the source position of each pixel center of the target."""
    x, y = pixel_centers(size)
    if field is not None:
        dx, dy = field.displacements()
        x, y = x + dx, y + dy
    return map_points(tf.linalg.inv(matrix), x, y)
