"""What the first bytes of an image say: its size, before anything is decoded."""

from __future__ import annotations

import os

import tensorflow as tf
from PIL import ExifTags, Image

from training.data.augment.lazy_image import is_jpeg
from training.data.sources.source import demand

MAX_PIXELS = 178_956_970
"""Largest image that is read, as in Pillow: half a gigabyte. A small file can claim far more."""

_UPRIGHT = (1, 2, 3, 4)


def read_header(path: str | os.PathLike[str]) -> tuple[int, int, bool]:
    """Width and height of an image as stored, and whether it is to be shown turned on its side.

    Raises:
        OSError, ValueError: not an image that Pillow knows, or one of more than `MAX_PIXELS`.
    """
    try:
        with Image.open(path) as image:
            turned = image.getexif().get(ExifTags.Base.Orientation, 1) not in _UPRIGHT
            return image.width, image.height, turned
    except Image.DecompressionBombError as error:
        raise ValueError(f"it states more than {MAX_PIXELS} pixels") from error
    except (SyntaxError, OverflowError) as error:
        raise ValueError(str(error)) from error


def refuse_bombs(height: tf.Tensor, width: tf.Tensor) -> tf.Operation:
    """Asserts inside the graph that a stated size (int64) is not of more than `MAX_PIXELS`."""
    return demand(
        height * width <= MAX_PIXELS,
        *("the image is ", width, "×", height, " (width × height), more than the "),
        f"{MAX_PIXELS} pixels that are read; make it smaller or remove it.",
    )


def stated_size(contents: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Height and width (int64) that a JPEG, PNG, BMP or GIF file states; zeros for other files."""

    def jpeg() -> tf.Tensor:
        return tf.cast(tf.image.extract_jpeg_shape(contents)[:2], tf.int64)

    def other() -> tf.Tensor:
        head = tf.io.decode_raw(tf.strings.substr(contents, 0, 32), tf.uint8, fixed_length=32)
        head = tf.cast(head, tf.int64)

        def number(first: int, count: int, big: bool) -> tf.Tensor:
            order = range(count - 1, -1, -1) if big else range(count)
            return tf.add_n([head[first + i] * 256**o for i, o in enumerate(order)])

        def starts(signature: bytes) -> tf.Tensor:
            start = tf.constant(list(signature), tf.int64)
            return tf.reduce_all(head[: len(signature)] == start)

        png = tf.stack([number(20, 4, True), number(16, 4, True)])
        gif = tf.stack([number(8, 2, False), number(6, 2, False)])
        # A BMP's height is negative where its rows run from the top.
        bmp = tf.stack([number(22, 4, False), number(18, 4, False)])
        bmp = tf.where(bmp >= 2**31, 2**32 - bmp, bmp)
        size = tf.zeros((2,), tf.int64)
        for signature, stated in ((b"\x89PNG", png), (b"GIF8", gif), (b"BM", bmp)):
            size = tf.where(starts(signature), stated, size)
        return size

    # Most images are JPEG; for them the rest of this graph costs next to nothing.
    size = tf.cond(is_jpeg(contents), jpeg, other)
    return size[0], size[1]
