"""Decoding of JPEG, PNG, GIF, BMP and WebP files inside the graph, by the rules of `zoo.images`."""

from __future__ import annotations

import tensorflow as tf

from zoo.images.exif_orientation import exif_orientation, turn_upright
from zoo.images.file_headers import (
    OTHER,
    PALETTE_BMP,
    WEBP,
    bytes_at,
    called_apart,
    format_of,
    number,
)

FORMATS = ("JPEG", "PNG", "GIF", "BMP", "WebP")
"""Formats that the graph decodes."""


def decode_stored(contents: tf.Tensor, kind: tf.Tensor) -> tf.Tensor:
    """Returns (H, W, 3) uint8 RGB as stored; `kind` is the `format_of` the file, not `OTHER`."""

    usual = (kind != WEBP) & (kind != PALETTE_BMP)
    pixels = tf.cond(usual, lambda: _decoded(contents, 3), lambda: _unusual(contents, kind))
    return tf.ensure_shape(pixels, (None, None, 3))


def _decoded(contents: tf.Tensor, channels: int) -> tf.Tensor:
    image = tf.io.decode_image(contents, channels=channels, expand_animations=False)
    return tf.ensure_shape(image, (None, None, None))[..., :3]


@called_apart
def _unusual(contents: tf.Tensor, kind: tf.Tensor) -> tf.Tensor:
    # Of WebP files the decoder takes no number of channels but the file's own.
    return tf.cond(kind == WEBP, lambda: _decoded(contents, 0), lambda: _palette_bmp(contents))


def decode_upright(contents: tf.Tensor) -> tf.Tensor:
    """Returns the upright (H, W, 3) uint8 RGB image of a file in one of `FORMATS`."""
    kind = format_of(contents)
    known = tf.debugging.Assert(kind != OTHER, [f"not an image in {', '.join(FORMATS)}"])
    with tf.control_dependencies([known]):
        kind = tf.identity(kind)
    return turn_upright(decode_stored(contents, kind), exif_orientation(contents))


def to_grey(image: tf.Tensor) -> tf.Tensor:
    """Returns (…, H, W, 1) uint8 luminance of an RGB image (…, H, W, 3) uint8."""
    return tf.image.rgb_to_grayscale(image)


def _palette_bmp(contents: tf.Tensor) -> tf.Tensor:
    """Returns the colors of an 8-bit BMP file, which the decoder takes for grey values."""
    indices = tf.io.decode_bmp(contents)[..., 0]
    start = 14 + tf.cast(number(bytes_at(contents, 14, 4)), tf.int32)
    used = tf.cast(number(bytes_at(contents, 46, 4)), tf.int32)
    count = tf.where((used < 1) | (used > 256), 256, used)
    palette = tf.reshape(bytes_at(contents, start, 4 * 256), (256, 4))[:count, 2::-1]
    return tf.gather(tf.cast(palette, tf.uint8), tf.cast(indices, tf.int32))
