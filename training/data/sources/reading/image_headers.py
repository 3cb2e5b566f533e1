"""Limits of image sizes, checked before any pixel is decoded."""

from __future__ import annotations

import tensorflow as tf

from training.data.sources.reading.graph_checks import assert_in_graph
from zoo.images.file_headers import MAX_PIXELS
from zoo.images.pillow_decoding import ImageHeader, read_header

__all__ = ["MAX_PIXELS", "ImageHeader", "assert_size_limit", "read_header"]


def assert_size_limit(height: tf.Tensor, width: tf.Tensor) -> tf.Operation:
    """Asserts inside the graph that an image (int64 sides) has at most `MAX_PIXELS` pixels."""
    return assert_in_graph(
        height * width <= MAX_PIXELS,
        *("the image is ", width, "×", height, " (width × height), more than the limit of "),
        f"{MAX_PIXELS} pixels; make it smaller or remove it.",
    )
