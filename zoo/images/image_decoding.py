"""Sizes and pixels of any image file that `zoo.images` reads, for tf.data and for single files.

What the graph cannot decode is handed to Pillow in Python, so that these functions are not for
exported files.
"""

from __future__ import annotations

import contextlib
import contextvars
import io
from collections.abc import Callable, Iterator

import numpy as np
import tensorflow as tf
from PIL import UnidentifiedImageError

from zoo.images.exif_orientation import EXCHANGED, exif_orientation, is_one_of, turn_upright
from zoo.images.file_headers import OTHER, called_apart, encoded_size, format_of
from zoo.images.graph_decoding import decode_stored
from zoo.images.pillow_decoding import read_header, read_pixels

_PYTHON_ALLOWED = contextvars.ContextVar("python_allowed", default=True)


@contextlib.contextmanager
def without_python() -> Iterator[None]:
    """Builds graphs in the block that other processes can run: without functions in Python.

    They raise InvalidArgumentError at an image that only Pillow can decode.
    """
    token = _PYTHON_ALLOWED.set(False)
    try:
        yield
    finally:
        _PYTHON_ALLOWED.reset(token)


def upright_size(contents: tf.Tensor, orientation: tf.Tensor) -> tf.Tensor:
    """Returns (2,) int64 height and width of the upright image, from the file's header.

    `orientation` is the file's `exif_orientation`.
    """
    height, width = encoded_size(contents)
    stored = tf.stack([height, width])
    size = tf.where(is_one_of(orientation, EXCHANGED), stored[::-1], stored)
    # A file without a size in its header is not an image, or one that only Pillow can measure.
    read = _size_by_pillow if _PYTHON_ALLOWED.get() else _no_size
    return tf.cond(height * width > 0, lambda: size, lambda: read(contents))


def decode_image(contents: tf.Tensor, orientation: tf.Tensor | None = None) -> tf.Tensor:
    """Returns the upright (H, W, 3) uint8 RGB image of a file.

    `orientation` is the file's `exif_orientation`, which is read if it is not given.
    """
    kind = format_of(contents)

    def in_graph() -> tf.Tensor:
        turn = exif_orientation(contents) if orientation is None else orientation
        return turn_upright(decode_stored(contents, kind), turn)

    read = _pixels_by_pillow if _PYTHON_ALLOWED.get() else _no_pixels
    return tf.cond(kind == OTHER, lambda: read(contents), in_graph)


def _refuse() -> tf.Operation:
    return tf.debugging.Assert(
        False,
        ["this kind of image is decoded in Python, which other processes do not run; save as PNG."],
    )


def _no_size(contents: tf.Tensor) -> tf.Tensor:
    with tf.control_dependencies([_refuse()]):
        return tf.zeros((2,), tf.int64)


def _no_pixels(contents: tf.Tensor) -> tf.Tensor:
    with tf.control_dependencies([_refuse()]):
        return tf.zeros((0, 0, 3), tf.uint8)


@called_apart
def _size_by_pillow(contents: tf.Tensor) -> tf.Tensor:
    def size(data: bytes) -> np.ndarray:
        header = _readable(read_header)(io.BytesIO(data))
        return np.array([header.height, header.width], np.int64)

    values = tf.numpy_function(size, [contents], tf.int64, stateful=False)
    return tf.ensure_shape(values, (2,))


@called_apart
def _pixels_by_pillow(contents: tf.Tensor) -> tf.Tensor:
    def pixels(data: bytes) -> np.ndarray:
        return _readable(read_pixels)(io.BytesIO(data))

    values = tf.numpy_function(pixels, [contents], tf.uint8, stateful=False)
    return tf.ensure_shape(values, (None, None, 3))


def _readable(read: Callable) -> Callable:
    """Returns the function with an error message without Python's names of things in memory."""

    def read_file(file: io.BytesIO):
        if not file.getbuffer().nbytes:
            raise ValueError("the file is empty.")
        try:
            return read(file)
        except UnidentifiedImageError as error:
            raise ValueError("unknown format.") from error

    return read_file
