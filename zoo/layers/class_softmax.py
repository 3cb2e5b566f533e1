"""The softmax over classes, of which there may be one."""

from __future__ import annotations

from keras import ops


def class_softmax(logits):
    """Returns the softmax (…, C) of logits (…, C); 1, with a gradient of 0, for a single class.

    Keras' own softmax warns of an axis of size 1 at every call.
    """
    if logits.shape[-1] == 1:
        return ops.exp(ops.log_softmax(logits, axis=-1))
    return ops.softmax(logits, axis=-1)
