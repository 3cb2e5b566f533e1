"""Drawing a fixed number of positives and negatives out of very many candidates."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from zoo.boxes.numerics import take_rows
from zoo.errors import InputError


def most_positives(count: int, positive_fraction: float) -> int:
    """How many of `count` samples may be positive: that share of them, but one at least."""
    return max(1, round(count * positive_fraction))


def balanced_sample(labels, count: int, positive_fraction: float, seed: Any = None, noise=None):
    """Samples candidates at random, at most a share of them positive, the rest negative.

    As in Faster R-CNN, negatives fill up where positives are few. Where both are few, the rest of
    the slots is not valid. Positives come first, negatives next: what concerns positives alone
    need only look at the first `most_positives(count, positive_fraction)` slots.

    Args:
        labels: (B, A) int, 1 positive, 0 negative, −1 ignored, as `Matcher` gives.
        count: number of samples per image.
        positive_fraction: greatest share of positives, in [0, 1].
        seed: an int, a `keras.random.SeedGenerator`, or what its `next()` gave.
        noise: (B, A) float in [0, 1) to draw by in place of a seed: the highest are taken.

    Returns:
        Indices (B, count) int32 into the candidates, 0 where not valid, and valid (B, count) bool.

    Raises:
        InputError: `count` below 1, or a share outside [0, 1].
    """
    if count < 1 or not 0 <= positive_fraction <= 1:
        raise InputError(
            f"A sample has at least 1 candidate and a share of 0 to 1 positives, not {count} and "
            f"{positive_fraction}."
        )
    labels = ops.cast(labels, "int32")
    if noise is None:
        noise = keras.random.uniform(ops.shape(labels), seed=_generator(seed))
    noise = ops.stop_gradient(ops.cast(noise, "float32"))
    limit = most_positives(count, positive_fraction)
    positives, positive = _drawn(noise, labels == 1, limit)
    negatives, negative = _drawn(noise, labels == 0, count)
    found = ops.sum(ops.cast(positive, "int32"), axis=1, keepdims=True)
    slot = ops.expand_dims(ops.arange(count, dtype="int32"), 0)
    slot = ops.where(slot < found, slot, slot + limit - found)
    index = take_rows(ops.concatenate([positives, negatives], axis=1), slot)
    valid = take_rows(ops.concatenate([positive, negative], axis=1), slot)
    return ops.where(valid, index, 0), valid


def _drawn(noise, wanted, count: int):
    """The `count` wanted candidates of highest noise: indices and whether there is one, (B, K)."""
    rank = ops.where(wanted, noise, -1.0)
    size = rank.shape[1]
    if size is None or size < count:
        lacking = count if size is None else count - size
        rank = ops.pad(rank, [[0, 0], [0, lacking]], constant_values=-1.0)
    top, index = ops.top_k(rank, count)
    valid = top >= 0
    return ops.where(valid, ops.cast(index, "int32"), 0), valid


class _Drawn(keras.random.SeedGenerator):
    """Stands for a generator whose `next()` was called already."""

    def __init__(self, value: Any):
        self.value = value

    def next(self, ordered: bool = True) -> Any:
        return self.value


def _generator(seed: Any) -> Any:
    if seed is None or isinstance(seed, (int, keras.random.SeedGenerator)):
        return seed
    return _Drawn(seed)
