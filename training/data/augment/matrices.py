"""3x3 affine matrices on continuous pixel coordinates.

A point is `(x, y)` in pixels, x to the right and y down; the image covers `[0, W] x [0, H]`
and the center of its first pixel is `(0.5, 0.5)`. A matrix maps source points to target points as
`[x', y', 1] = M [x, y, 1]`. All functions return a (3, 3) float64 tensor, so that composing and
inverting them costs no visible precision; their arguments are numbers or scalar tensors.
"""

from __future__ import annotations

import math
from typing import Any

import tensorflow as tf

Number = Any


def _matrix(a: Number, b: Number, c: Number, d: Number, e: Number, f: Number) -> tf.Tensor:
    entries = (a, b, c, d, e, f)
    if not any(tf.is_tensor(entry) for entry in entries):
        return tf.reshape(tf.constant([*entries, 0.0, 0.0, 1.0], tf.float64), (3, 3))
    last = tf.constant([0.0, 0.0, 1.0], tf.float64)
    first = tf.stack([tf.cast(entry, tf.float64) for entry in entries])
    return tf.reshape(tf.concat([first, last], axis=0), (3, 3))


def identity() -> tf.Tensor:
    """Returns the identity matrix."""
    return _matrix(1.0, 0.0, 0.0, 0.0, 1.0, 0.0)


def translation(x: Number, y: Number) -> tf.Tensor:
    """Returns a translation by `x` pixels to the right and `y` pixels down."""
    return _matrix(1.0, 0.0, x, 0.0, 1.0, y)


def scaling(x: Number, y: Number | None = None) -> tf.Tensor:
    """Returns a scaling about (0, 0) by the factors `x` and `y` (`y` defaults to `x`)."""
    return _matrix(x, 0.0, 0.0, 0.0, x if y is None else y, 0.0)


def rotation(degrees: Number, center: tuple[Number, Number] = (0.0, 0.0)) -> tf.Tensor:
    """Returns a rotation, clockwise on the screen, by `degrees` about `center` = (x, y)."""
    angle = tf.cast(degrees, tf.float64) * (math.pi / 180.0)
    cosine, sine = tf.cos(angle), tf.sin(angle)
    return about(center, _matrix(cosine, -sine, 0.0, sine, cosine, 0.0))


def shearing(degrees: Number, center: tuple[Number, Number] = (0.0, 0.0)) -> tf.Tensor:
    """Returns a shear along x by `degrees` in (-90, 90) about `center` = (x, y)."""
    slope = tf.tan(tf.cast(degrees, tf.float64) * (math.pi / 180.0))
    return about(center, _matrix(1.0, slope, 0.0, 0.0, 1.0, 0.0))


def flip_horizontal(width: Number) -> tf.Tensor:
    """Returns a left-right flip of an image `width` pixels wide."""
    return _matrix(-1.0, 0.0, width, 0.0, 1.0, 0.0)


def flip_vertical(height: Number) -> tf.Tensor:
    """Returns a top-bottom flip of an image `height` pixels high."""
    return _matrix(1.0, 0.0, 0.0, 0.0, -1.0, height)


def crop(x: Number, y: Number) -> tf.Tensor:
    """Returns the translation that makes (x, y) the top-left corner of the target."""
    return translation(-tf.cast(x, tf.float64), -tf.cast(y, tf.float64))


def about(center: tuple[Number, Number], matrix: tf.Tensor) -> tf.Tensor:
    """Returns `matrix` applied about the point `center` = (x, y) instead of (0, 0)."""
    x, y = center
    return compose(crop(x, y), matrix, translation(x, y))


def compose(*matrices: tf.Tensor) -> tf.Tensor:
    """Returns the matrix that applies `matrices` in the order of the arguments."""
    if not matrices:
        return identity()
    result = tf.cast(matrices[0], tf.float64)
    for matrix in matrices[1:]:
        result = tf.linalg.matmul(tf.cast(matrix, tf.float64), result)
    return result


def letterbox_size(
    source: tuple[Number, Number], size: tuple[int, int]
) -> tuple[tf.Tensor, tf.Tensor]:
    """Returns height and width of `source` resized to the largest that fits `size`.

    Equal to `round(h * s), round(w * s)` with `s = min(H / h, W / w)`, half to even and at least
    one pixel, but in integers: no float error can move a tie by one pixel.
    """
    # In TensorFlow, not Keras as in `zoo.inference.image_transform`: tf.data needs it with JAX too.
    h, w = (tf.cast(side, tf.int64) for side in source)
    rows, columns = (tf.cast(side, tf.int64) for side in size)
    by_height = rows * w <= columns * h
    return (
        tf.where(by_height, rows, _round_ratio(columns * h, w)),
        tf.where(by_height, _round_ratio(rows * w, h), columns),
    )


def _round_ratio(numerator: tf.Tensor, denominator: tf.Tensor) -> tf.Tensor:
    quotient, rest = numerator // denominator, numerator % denominator
    tie_to_even = (2 * rest == denominator) & (quotient % 2 == 1)
    up = tf.cast((2 * rest > denominator) | tie_to_even, tf.int64)
    return tf.maximum(quotient + up, 1)


def resize(source: tuple[Number, Number], target: tuple[Number, Number]) -> tf.Tensor:
    """Returns a resize from `source` = (height, width) to exactly `target` = (height, width)."""
    h, w = (tf.cast(side, tf.float64) for side in source)
    rows, columns = (tf.cast(side, tf.float64) for side in target)
    return scaling(columns / w, rows / h)


def determinant(matrix: tf.Tensor) -> tf.Tensor:
    """Returns the signed area factor of the matrix, negative where it contains a reflection."""
    return matrix[0, 0] * matrix[1, 1] - matrix[0, 1] * matrix[1, 0]
