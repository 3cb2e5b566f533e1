"""The index of the largest channel."""

from __future__ import annotations

import keras
from keras import ops


def argmax_channel(x):
    """Returns the index (…) int32 of the largest value of each vector (…, C), the first of equals.

    Keras' own arg-max orders −0 before 0 with a bitwise operator that LiteRT lacks.
    """
    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        return tf.argmax(x, axis=-1, output_type=tf.int32)
    return ops.cast(ops.argmax(x, axis=-1), "int32")
