"""Numerics of boxes: precision, limits, and gathering of rows."""

from __future__ import annotations

import keras
from keras import ops

# Squares of sums of such coordinates fit into float32.
LARGEST = 1e18


def precise(x):
    """Returns `x` as a float32 (float64 for float64) tensor; half precision cannot hold pixels."""
    x = ops.convert_to_tensor(x)
    if keras.backend.standardize_dtype(x.dtype) == "float64":
        return x
    return ops.cast(x, "float32")


def sound(boxes):
    """Returns whether (…) bool each box (…, 4) has finite coordinates of at most 1e18."""
    return ops.all(ops.abs(boxes) <= LARGEST, axis=-1)


def repaired(boxes):
    """Returns boxes (…, 4) in full precision, with the empty box at (0, 0) for unsound ones."""
    boxes = precise(boxes)
    return ops.where(ops.expand_dims(sound(boxes), -1), boxes, ops.zeros_like(boxes))


def corners(boxes) -> list:
    """Returns x1, y1, x2, y2 of boxes (…, 4), each (…)."""
    return ops.unstack(boxes, 4, axis=-1)


def ratio(part, whole):
    """Returns part / whole, and `part`, which is then 0, where `whole` is not above 0."""
    return part / ops.where(whole > 0, whole, ops.ones_like(whole))


def take_rows(x, index):
    """Returns the rows (B, K, …) of `x` (B, N, …) at indices (B, K) int32."""
    shape = ops.shape(x)
    batch, count = shape[0], shape[1]
    start = ops.expand_dims(ops.arange(batch, dtype="int32") * count, -1)
    return ops.take(ops.reshape(x, (batch * count, *shape[2:])), index + start, axis=0)
