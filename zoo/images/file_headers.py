"""Formats and sizes of encoded images, from their first bytes, inside the graph."""

from __future__ import annotations

from collections.abc import Callable

import tensorflow as tf

MAX_PIXELS = 178_956_970
"""Largest number of pixels of an image, as in Pillow: half a gigabyte decoded."""

JPEG, PNG, GIF, BMP, PALETTE_BMP, WEBP, OTHER = range(7)
"""Formats by what decodes them; `OTHER` is any file that TensorFlow does not decode right."""


def called_apart(function: Callable[..., tf.Tensor]) -> Callable[..., tf.Tensor]:
    """Returns a function whose operations are not copied into the graph that calls it.

    In a branch that is not taken it costs next to nothing; its operations would cost a little each.
    """
    attributes = {"_noinline": True}
    return tf.function(
        function, autograph=False, reduce_retracing=True, experimental_attributes=attributes
    )


def bytes_at(contents: tf.Tensor, offset: tf.Tensor | int, count: int) -> tf.Tensor:
    """Returns (count,) int32 bytes of a file from `offset`; zeros beyond its end."""
    start = tf.clip_by_value(offset, 0, tf.strings.length(contents))
    part = tf.strings.substr(contents, start, count)
    return tf.cast(tf.io.decode_raw(part, tf.uint8, fixed_length=count), tf.int32)


def number(values: tf.Tensor, big_endian: bool = False) -> tf.Tensor:
    """Returns the unsigned integer, int64, of the bytes on the last axis."""
    count = values.shape[-1]
    powers = [256**place for place in range(count)]
    weights = tf.constant(powers[::-1] if big_endian else powers, tf.int64)
    return tf.reduce_sum(tf.cast(values, tf.int64) * weights, axis=-1)


def is_jpeg(contents: tf.Tensor) -> tf.Tensor:
    """Returns whether a file is a JPEG image, by its first bytes."""
    return tf.strings.substr(contents, 0, 3) == b"\xff\xd8\xff"


def format_of(contents: tf.Tensor) -> tf.Tensor:
    """Returns the format of a file, an int32 scalar out of `JPEG` to `OTHER`."""
    return tf.cond(is_jpeg(contents), lambda: tf.constant(JPEG), lambda: _format_of(contents))


@called_apart
def _format_of(contents: tf.Tensor) -> tf.Tensor:
    head = bytes_at(contents, 0, 58)

    def has(text: bytes, offset: int = 0) -> tf.Tensor:
        return tf.reduce_all(head[offset : offset + len(text)] == list(text))

    # TensorFlow mistakes the colors of some animated WebP files.
    animated = has(b"VP8X", 12) & (head[20] // 2 % 2 == 1)
    # Of BMP files it reads those without compression, and 32 bits only in the order B, G, R, A.
    bits, compression = head[28], head[30]
    bmp = has(b"BM") & (head[14] >= 40) & (head[29] == 0) & (head[31] == 0)
    masked = (bits == 32) & (compression == 3) & has(b"\x00\x00\xff\x00", 54)
    true_color = ((bits == 24) | (bits == 32)) & (compression == 0)
    matches = [
        has(b"\x89PNG\r\n\x1a\n"),
        has(b"GIF8"),
        bmp & (true_color | masked),
        bmp & (bits == 8) & (compression == 0),
        has(b"RIFF") & has(b"WEBP", 8) & ~animated,
        True,
    ]
    return PNG + tf.argmax(tf.cast(tf.stack(matches), tf.int32), output_type=tf.int32)


def encoded_size(contents: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Returns int64 height and width as stored, from the header; 0 × 0 for format `OTHER`."""

    def jpeg() -> tf.Tensor:
        return tf.cast(tf.image.extract_jpeg_shape(contents)[:2], tf.int64)

    # Most images are JPEG; for them the other branch costs next to nothing.
    size = tf.cond(is_jpeg(contents), jpeg, lambda: _encoded_size_of_others(contents))
    return size[0], size[1]


@called_apart
def _encoded_size_of_others(contents: tf.Tensor) -> tf.Tensor:
    """Returns (2,) int64 height and width of a PNG, GIF, BMP or WebP file."""
    head = bytes_at(contents, 0, 32)
    png = tf.stack([number(head[20:24], True), number(head[16:20], True)])
    gif = tf.stack([number(head[8:10]), number(head[6:8])])
    # The height of a BMP is negative if its rows run from the top.
    bmp = tf.stack([number(head[22:26]), number(head[18:22])])
    bmp = tf.where(bmp >= 2**31, 2**32 - bmp, bmp)
    kind = format_of(contents)
    size = tf.zeros((2,), tf.int64)
    for formats, sides in (
        ((PNG,), png),
        ((GIF,), gif),
        ((BMP, PALETTE_BMP), bmp),
        ((WEBP,), _webp_size(contents, head)),
    ):
        size = tf.where(tf.reduce_any([kind == one for one in formats]), sides, size)
    return size


def _webp_size(contents: tf.Tensor, head: tf.Tensor) -> tf.Tensor:
    """Returns (2,) int64 height and width of a WebP file by its first chunk."""
    chunk = tf.strings.substr(contents, tf.minimum(12, tf.strings.length(contents)), 4)
    # 14 bits each after a start code; 14 bits each, less one; 24 bits each, less one.
    lossy = tf.stack([number(head[28:30]), number(head[26:28])]) % 2**14
    bits = number(head[21:25])
    lossless = tf.stack([bits // 2**14, bits]) % 2**14 + 1
    extended = tf.stack([number(head[27:30]), number(head[24:27])]) + 1
    size = tf.where(chunk == b"VP8 ", lossy, tf.zeros((2,), tf.int64))
    size = tf.where(chunk == b"VP8L", lossless, size)
    return tf.where(chunk == b"VP8X", extended, size)
