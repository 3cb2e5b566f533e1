"""Uniform numbers by name, each with its own place in the random numbers of a sample.

Switching one change on or off leaves the draws of all the others as they were.
"""

from __future__ import annotations

from collections.abc import Sequence

import tensorflow as tf

# One stream of random numbers for each purpose; a number once given is never used again.
GEOMETRY, ELASTIC, PHOTOMETRIC, NOISE, GREY, JITTER, CROP, ERASE, COMBINE, PASTE = range(10)
PARTNERS = 100


def stream(seed: tf.Tensor, number: int) -> tf.Tensor:
    """(2,) seed of one stream of a sample."""
    return tf.random.fold_in(seed, number)


def draws(seed: tf.Tensor, number: int, names: Sequence[str]) -> dict[str, tf.Tensor]:
    """One uniform float64 in [0, 1) for each name, from the stream of that `number`."""
    values = tf.random.stateless_uniform((len(names),), stream(seed, number), dtype=tf.float64)
    return dict(zip(names, tf.unstack(values), strict=True))
