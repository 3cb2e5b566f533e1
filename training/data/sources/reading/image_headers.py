"""Sizes of images from their headers, before any pixel is decoded."""

from __future__ import annotations

import os
from typing import NamedTuple

import tensorflow as tf
from PIL import Image

from training.data.augment.lazy_image import is_jpeg
from training.data.sources.reading.exif_orientation import has_exif_rotation
from training.data.sources.reading.graph_checks import assert_in_graph

MAX_PIXELS = 178_956_970
"""Largest number of pixels of an image, as in Pillow: half a gigabyte decoded."""


class ImageHeader(NamedTuple):
    """Size of an image as stored, and whether viewers swap its sides (EXIF)."""

    width: int
    height: int
    rotated: bool


def read_header(path: str | os.PathLike[str]) -> ImageHeader:
    """Reads an image file's header; raises OSError or ValueError if invalid or too large."""
    try:
        with Image.open(path) as image:
            return ImageHeader(image.width, image.height, has_exif_rotation(image))
    except Image.DecompressionBombError as error:
        raise ValueError(f"more than {MAX_PIXELS} pixels.") from error
    except (SyntaxError, OverflowError) as error:
        raise ValueError(str(error)) from error


def assert_size_limit(height: tf.Tensor, width: tf.Tensor) -> tf.Operation:
    """Asserts inside the graph that an image (int64 sides) has at most `MAX_PIXELS` pixels."""
    return assert_in_graph(
        height * width <= MAX_PIXELS,
        *("the image is ", width, "×", height, " (width × height), more than the limit of "),
        f"{MAX_PIXELS} pixels; make it smaller or remove it.",
    )


def encoded_size(contents: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Returns int64 height and width from a JPEG, PNG, BMP or GIF header; others are 0 × 0."""

    def jpeg() -> tf.Tensor:
        return tf.cast(tf.image.extract_jpeg_shape(contents)[:2], tf.int64)

    # Most images are JPEG; for them the other branch costs next to nothing.
    size = tf.cond(is_jpeg(contents), jpeg, lambda: _encoded_size_of_others(contents))
    return size[0], size[1]


def _encoded_size_of_others(contents: tf.Tensor) -> tf.Tensor:
    """Returns (2,) int64 height and width of a PNG, BMP or GIF file."""
    head = tf.io.decode_raw(tf.strings.substr(contents, 0, 32), tf.uint8, fixed_length=32)
    head = tf.cast(head, tf.int64)

    def integer(first: int, count: int, big_endian: bool) -> tf.Tensor:
        order = range(count - 1, -1, -1) if big_endian else range(count)
        return tf.add_n([head[first + i] * 256**o for i, o in enumerate(order)])

    def starts_with(signature: bytes) -> tf.Tensor:
        start = tf.constant(list(signature), tf.int64)
        return tf.reduce_all(head[: len(signature)] == start)

    png = tf.stack([integer(20, 4, True), integer(16, 4, True)])
    gif = tf.stack([integer(8, 2, False), integer(6, 2, False)])
    # The height of a BMP is negative if its rows run from the top.
    bmp = tf.stack([integer(22, 4, False), integer(18, 4, False)])
    bmp = tf.where(bmp >= 2**31, 2**32 - bmp, bmp)
    size = tf.zeros((2,), tf.int64)
    for signature, sides in ((b"\x89PNG", png), (b"GIF8", gif), (b"BM", bmp)):
        size = tf.where(starts_with(signature), sides, size)
    return size
