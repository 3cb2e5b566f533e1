"""Padding of samples to a fixed number of objects per image."""

from __future__ import annotations

import sys

import tensorflow as tf

from zoo.tasks import SCHEMA

OBJECT_KEYS = ("boxes", "labels", "crowd", "difficult", "masks", "keypoints", "captions")
"""Keys with one row per object, where the sample has objects."""


def pad_objects(sample: dict[str, tf.Tensor], max_objects: int) -> dict[str, tf.Tensor]:
    """Returns the sample with `max_objects` rows in each object key, objects before padding.

    Further objects are dropped, with a line on standard error.
    """
    if "labels" not in sample:
        return sample
    if max_objects < 1:
        raise ValueError(f"max_objects must be at least 1, not {max_objects}.")
    present = sample["labels"] >= 0
    rows = tf.boolean_mask(tf.range(tf.shape(present)[0]), present)[:max_objects]
    excess = tf.reduce_sum(tf.cast(present, tf.int32)) - max_objects
    message = f"an image has more than max_objects={max_objects} objects; dropped:"
    logged = tf.cond(
        excess > 0, lambda: tf.print(message, excess, output_stream=sys.stderr), tf.no_op
    )
    with tf.control_dependencies([logged]):
        rows = tf.identity(rows)
    padded = dict(sample)
    for key in OBJECT_KEYS:
        # Keypoints of rank 2 are those of a single person.
        if key not in sample or (key == "keypoints" and sample[key].shape.rank == 2):
            continue
        value = tf.gather(sample[key], rows)
        padding = tf.cast(SCHEMA[key].padding, value.dtype)
        widths = [[0, max_objects - tf.shape(rows)[0]]] + [[0, 0]] * (value.shape.rank - 1)
        value = tf.pad(value, widths, constant_values=padding)
        padded[key] = tf.ensure_shape(value, (max_objects, *value.shape[1:]))
    return padded
