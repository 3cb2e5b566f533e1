"""Sampling of a fixed number of positives and negatives."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from zoo.argument_checks import check_minimum
from zoo.boxes.numerics import take_rows
from zoo.errors import InputError


def most_positives(count: int, positive_fraction: float) -> int:
    """Returns the maximum number of positives among `count` samples, at least 1."""
    return max(1, round(count * positive_fraction))


def balanced_sample(labels, count: int, positive_fraction: float, seed: Any = None, noise=None):
    """Samples candidates at random, with a maximum fraction of positives.

    As in Faster R-CNN, negatives replace missing positives; if both are few, the remaining samples
    are not valid. Positives come first, within the first `most_positives(count,
    positive_fraction)` samples.

    Args:
        labels: labels (B, A) int of a `Matcher`: 1 positive, 0 negative, −1 ignored.
        count: number of samples per image.
        positive_fraction: maximum fraction of positives, in [0, 1].
        seed: an int, a `keras.random.SeedGenerator`, or a value of its `next()`.
        noise: random numbers (B, A) in [0, 1) instead of a seed; the highest are sampled.

    Returns:
        Indices (B, count) int32 of the candidates, 0 where not valid, and valid (B, count) bool.
    """
    check_minimum(1, count=count)
    if not 0 <= positive_fraction <= 1:
        raise InputError(f"positive_fraction must be in [0, 1], not {positive_fraction!r}.")
    labels = ops.cast(labels, "int32")
    if noise is None:
        noise = keras.random.uniform(ops.shape(labels), seed=_generator(seed))
    noise = ops.stop_gradient(ops.cast(noise, "float32"))
    limit = most_positives(count, positive_fraction)
    positives, positive = _drawn(noise, labels == 1, limit)
    negatives, negative = _drawn(noise, labels == 0, count)
    sampled = ops.sum(ops.cast(positive, "int32"), axis=1, keepdims=True)
    slot = ops.expand_dims(ops.arange(count, dtype="int32"), 0)
    slot = ops.where(slot < sampled, slot, slot + limit - sampled)
    index = take_rows(ops.concatenate([positives, negatives], axis=1), slot)
    valid = take_rows(ops.concatenate([positive, negative], axis=1), slot)
    return ops.where(valid, index, 0), valid


def _drawn(noise, eligible, count: int):
    """Indices and validity (B, count) of the eligible candidates of highest noise."""
    rank = ops.where(eligible, noise, -1.0)
    size = rank.shape[1]
    if size is None or size < count:
        missing = count if size is None else count - size
        rank = ops.pad(rank, [[0, 0], [0, missing]], constant_values=-1.0)
    top, index = ops.top_k(rank, count)
    valid = top >= 0
    return ops.where(valid, ops.cast(index, "int32"), 0), valid


class _Drawn(keras.random.SeedGenerator):
    """A generator with one value, of an earlier call of `next()`."""

    def __init__(self, value: Any):
        self.value = value

    def next(self, ordered: bool = True) -> Any:
        return self.value


def _generator(seed: Any) -> Any:
    if seed is None or isinstance(seed, (int, keras.random.SeedGenerator)):
        return seed
    return _Drawn(seed)
