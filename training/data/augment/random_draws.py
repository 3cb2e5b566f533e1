"""Named uniform random numbers of a sample, from one stream per purpose.

Enabling or disabling one augmentation leaves the draws of all others unchanged.
"""

from __future__ import annotations

from collections.abc import Sequence

import tensorflow as tf

# A stream number is never reused for another purpose.
GEOMETRY, ELASTIC, PHOTOMETRIC, NOISE, GREY, JITTER, CROP, ERASE, MIX, PASTE = range(10)
PARTNERS = 100


def stream(seed: tf.Tensor, number: int) -> tf.Tensor:
    """Returns the (2,) seed of one stream of a sample."""
    return tf.random.fold_in(seed, number)


def draws(seed: tf.Tensor, number: int, names: Sequence[str]) -> dict[str, tf.Tensor]:
    """Returns one uniform float64 in [0, 1) per name, from the stream with that `number`."""
    values = tf.random.stateless_uniform((len(names),), stream(seed, number), dtype=tf.float64)
    return dict(zip(names, tf.unstack(values), strict=True))
