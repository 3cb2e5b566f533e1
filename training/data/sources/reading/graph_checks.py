"""Checks inside a tf.data graph, and the errors of the graph as one line."""

from __future__ import annotations

import re

import tensorflow as tf


def assert_in_graph(condition: tf.Tensor, *message: str | tf.Tensor) -> tf.Operation:
    """Asserts a condition inside the graph; parts of the message are joined without a separator."""

    def fail() -> tf.Operation:
        parts = [
            part if isinstance(part, str) or part.dtype == tf.string else tf.strings.as_string(part)
            for part in message
        ]
        return tf.debugging.Assert(False, [tf.strings.join(parts)])

    # The message is built only when the assertion fails.
    return tf.cond(condition, tf.no_op, fail)


def describe_error(name: str, error: tf.errors.OpError) -> str:
    """Returns a TensorFlow error as one line, `name: problem; remedy.`, for the record `name`."""
    if isinstance(error, tf.errors.NotFoundError):
        return f"{name}: no such file; restore the file or remove it from the list."
    if isinstance(error, tf.errors.PermissionDeniedError):
        return f"{name}: permission denied; make the file readable or remove it."
    # The reason is the last line before the name of the node that failed.
    text = (error.message or str(error)).split("[[{{node")[0].split(" [Op:")[0]
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    reason = (lines or ["no reason given"])[-1]
    if "InputError: " in reason:
        return reason.split("InputError: ", 1)[1]
    if "PixelValueError: " in reason:
        return f"{name}: {reason.split('PixelValueError: ', 1)[1]}"
    # Errors of Python begin with their type.
    reason = re.sub(r"^(\w+\.)*\w*Error: ", "", reason).rstrip(".")
    if "assertion failed: [" in reason:
        return f"{name}: {reason.split('assertion failed: [', 1)[1].removesuffix(']')}"
    return f"{name}: damaged or not an image ({reason}); save it again or remove it."
