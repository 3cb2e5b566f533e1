"""EXIF orientation: how an image is stored, and turning it upright, inside the graph.

The orientation is 1 for an upright image; 2 mirrored, 3 turned by 180°, 4 flipped; 5 to 8 the same
with rows and columns exchanged.
"""

from __future__ import annotations

import tensorflow as tf

from zoo.images.file_headers import PNG, WEBP, bytes_at, called_apart, format_of, is_jpeg

MIRRORED, FLIPPED, EXCHANGED = (2, 3, 6, 7), (3, 4, 7, 8), (5, 6, 7, 8)

_TAG, _SHORT = 0x0112, 3
_MOST_TAGS = 64
"""Tags of the first directory that are searched; they are sorted, and this one is among the low."""

_SEARCHED = 2**17
"""Bytes at the start of a JPEG or PNG file in which EXIF data begin."""

_PREFIX = b"Exif\0\0"


def exif_orientation(contents: tf.Tensor) -> tf.Tensor:
    """Returns the orientation, an int32 scalar from 1 to 8, of a JPEG, PNG or WebP file."""
    start = tf.strings.substr(contents, 0, 41)

    def has(text: bytes, offset: int) -> tf.Tensor:
        offset = tf.minimum(offset, tf.strings.length(start))
        return tf.strings.substr(start, offset, len(text)) == text

    # Most JPEG files begin with a JFIF segment and tables, most PNG files with header and pixels.
    plain = has(b"\xff\xd8\xff\xe0\x00\x10", 0) & has(b"\xff\xdb", 20)
    plain |= has(b"\x89PNG", 0) & has(b"IDAT", 37)
    return tf.cond(plain, lambda: tf.constant(1), lambda: _found_orientation(contents))


@called_apart
def _found_orientation(contents: tf.Tensor) -> tf.Tensor:
    kind = format_of(contents)
    jpeg, webp = is_jpeg(contents), kind == WEBP
    # A WebP file has its EXIF data at the end, and none without the flag.
    flag = bytes_at(contents, 20, 1)[0] // 8 % 2 == 1
    length = tf.where(webp, tf.strings.length(contents), _SEARCHED)
    mark = tf.where(jpeg, _PREFIX, tf.where(webp, b"EXIF", b"eXIf"))
    parts = tf.strings.split(tf.strings.substr(contents, 0, length), mark, maxsplit=1)
    # In a WebP file the length of the data comes first, and some programs put the prefix there.
    data = tf.concat([parts, [b""]], axis=0)[1]
    skipped = tf.minimum(tf.where(webp, 4, 0), tf.strings.length(data))
    data = tf.strings.substr(data, skipped, -1)
    prefixed = tf.strings.substr(data, 0, len(_PREFIX)) == _PREFIX
    data = tf.strings.substr(data, tf.where(prefixed, len(_PREFIX), 0), -1)
    searched = jpeg | (kind == PNG) | (webp & flag)
    return tf.where(searched, _orientation_in(data), 1)


def _orientation_in(data: tf.Tensor) -> tf.Tensor:
    """Returns the orientation in EXIF data; 1 if there is none that is valid."""
    order = tf.strings.substr(data, 0, 4)
    big_endian = order == b"MM\0*"
    weights = tf.where(big_endian, [2**24, 2**16, 256, 1], [1, 256, 2**16, 2**24])
    short_weights = tf.where(big_endian, [256, 1], [1, 256])

    def number(values: tf.Tensor) -> tf.Tensor:
        return tf.reduce_sum(
            values * (weights if values.shape[-1] == 4 else short_weights), axis=-1
        )

    # A damaged offset leads to the end of the data, where all bytes are zeros.
    offset = number(bytes_at(data, 4, 4))
    directory = bytes_at(data, offset, 2 + 12 * _MOST_TAGS)
    entries = tf.reshape(directory[2:], (_MOST_TAGS, 12))
    short = number(entries[:, 2:4]) == _SHORT
    values = tf.where(short, number(entries[:, 8:10]), number(entries[:, 8:12]))
    wanted = number(entries[:, :2]) == _TAG
    wanted &= tf.range(_MOST_TAGS) < number(directory[:2])
    found = tf.reduce_max(tf.where(wanted, values, 0))
    valid = (big_endian | (order == b"II*\0")) & (found >= 1) & (found <= 8)
    return tf.where(valid, found, 1)


def is_one_of(orientation: tf.Tensor, values: tuple[int, ...]) -> tf.Tensor:
    """Returns whether an orientation is one of these."""
    return tf.reduce_any(orientation == tf.constant(values))


def turn_upright(pixels: tf.Tensor, orientation: tf.Tensor) -> tf.Tensor:
    """Returns the upright image of (H, W, C) stored pixels."""
    upright = tf.cond(orientation == 1, lambda: pixels, lambda: _turned(pixels, orientation))
    return tf.ensure_shape(upright, (None, None, pixels.shape[-1]))


@called_apart
def _turned(pixels: tf.Tensor, orientation: tf.Tensor) -> tf.Tensor:
    order = tf.where(is_one_of(orientation, EXCHANGED), [1, 0, 2], [0, 1, 2])
    reversed_axes = [is_one_of(orientation, FLIPPED), is_one_of(orientation, MIRRORED)]
    return tf.reverse(tf.transpose(pixels, order), tf.where(reversed_axes)[:, 0])


def stored_window(window: tf.Tensor, sides: tf.Tensor, orientation: tf.Tensor) -> tf.Tensor:
    """Returns where a part of the upright image is stored, [y, x, height, width] as `window`.

    `sides` are (2,) height and width of the upright image.
    """
    y, x, high, wide = tf.unstack(window)
    x = tf.where(is_one_of(orientation, MIRRORED), sides[1] - x - wide, x)
    y = tf.where(is_one_of(orientation, FLIPPED), sides[0] - y - high, y)
    exchanged = is_one_of(orientation, EXCHANGED)
    return tf.where(exchanged, tf.stack([x, y, wide, high]), tf.stack([y, x, high, wide]))
