"""What all box arithmetic shares: its precision, its limits, and rows picked by index."""

from __future__ import annotations

import keras
from keras import ops

# The squares of sums of such coordinates still fit into float32.
LARGEST = 1e18


def precise(x):
    """`x` as a float32 tensor, or float64 if it is one: half precision cannot hold pixels."""
    x = ops.convert_to_tensor(x)
    if keras.backend.standardize_dtype(x.dtype) == "float64":
        return x
    return ops.cast(x, "float32")


def sound(boxes):
    """(…) bool: the box (…, 4) has four finite coordinates of at most 1e18."""
    return ops.all(ops.abs(boxes) <= LARGEST, axis=-1)


def repaired(boxes):
    """Boxes (…, 4) in full precision; one that is not `sound` becomes the empty box at (0, 0)."""
    boxes = precise(boxes)
    return ops.where(ops.expand_dims(sound(boxes), -1), boxes, ops.zeros_like(boxes))


def corners(boxes) -> list:
    """x1, y1, x2, y2 of boxes (…, 4), each (…)."""
    return ops.unstack(boxes, 4, axis=-1)


def ratio(part, whole):
    """part / whole, and `part` itself, which then is 0, where `whole` is not above 0."""
    return part / ops.where(whole > 0, whole, ops.ones_like(whole))


def take_rows(x, index):
    """Rows (B, K, …) of `x` (B, N, …) by `index` (B, K) int32, 0…N−1."""
    shape = ops.shape(x)
    batch, count = shape[0], shape[1]
    start = ops.expand_dims(ops.arange(batch, dtype="int32") * count, -1)
    return ops.take(ops.reshape(x, (batch * count, *shape[2:])), index + start, axis=0)
