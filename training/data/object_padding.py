"""A fixed number of objects per image, so that samples become batches."""

from __future__ import annotations

import sys

import tensorflow as tf

from zoo.tasks import SCHEMA

OBJECT_KEYS = ("boxes", "labels", "crowd", "difficult", "masks", "keypoints", "captions")
"""Keys with a row an object, where the sample has objects."""


def pad_objects(sample: dict[str, tf.Tensor], limit: int) -> dict[str, tf.Tensor]:
    """The sample with exactly `limit` rows in each of its object keys, present objects first.

    Rows without an object have label −1 and the padding of the schema. Objects beyond the limit
    are cut, the last first, with a line on standard error that says how many.

    Args:
        sample: of the schema, with `labels` (N,); other keys are left alone.
        limit: rows, at least 1.
    """
    if "labels" not in sample:
        return sample
    present = sample["labels"] >= 0
    count = tf.reduce_sum(tf.cast(present, tf.int32))
    if limit < 1:
        raise ValueError(f"limit is at least 1, not {limit}.")
    rows = tf.boolean_mask(tf.range(tf.shape(present)[0]), present)[:limit]
    told = tf.cond(count > limit, lambda: _tell(count - limit, limit), tf.no_op)
    with tf.control_dependencies([told]):
        rows = tf.identity(rows)
    padded = dict(sample)
    for key in OBJECT_KEYS:
        # The one person of an image is not a row of objects.
        if key not in sample or (key == "keypoints" and sample[key].shape.rank == 2):
            continue
        value = tf.gather(sample[key], rows)
        filler = tf.cast(SCHEMA[key].padding, value.dtype)
        widths = [[0, limit - tf.shape(rows)[0]]] + [[0, 0]] * (value.shape.rank - 1)
        value = tf.pad(value, widths, constant_values=filler)
        padded[key] = tf.ensure_shape(value, (limit, *value.shape[1:]))
    return padded


def _tell(cut: tf.Tensor, limit: int) -> tf.Operation:
    return tf.print(
        f"an image has more than max_objects={limit} objects; cut:",
        cut,
        output_stream=sys.stderr,
    )
