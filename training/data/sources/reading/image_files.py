"""Finding and decoding image and mask files."""

from __future__ import annotations

import dataclasses
import os
import re
import struct
from pathlib import Path

import numpy as np
import tensorflow as tf
from PIL import Image

from training.data.augment.lazy_image import LazyImage, decode_all
from training.data.sources.reading.image_headers import refuse_bombs, stated_size
from training.data.sources.source import demand
from zoo.errors import InputError

IMAGES = (".jpg", ".jpeg", ".png", ".bmp", ".gif")
MASKS = (".png", ".tif", ".tiff", ".bmp", ".gif")
_PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"


def files_in(folder: Path, endings: tuple[str, ...]) -> dict[str, Path]:
    """Files of a folder by stem, numbers in the names in numerical order.

    Raises:
        InputError: two files have the same stem.
    """
    found: dict[str, Path] = {}
    for path in sorted(folder.iterdir(), key=natural_key):
        if path.suffix.lower() not in endings or path.name.startswith("."):
            continue
        if path.stem in found:
            raise InputError(f"{path}: {found[path.stem].name} has the same name; keep one.")
        found[path.stem] = path
    return found


def natural_key(path: Path) -> list[tuple[int, int | str]]:
    """Sorting key that puts `10` after `9`."""
    parts = re.split(r"(\d+)", path.name)
    return [(0, int(part)) if part.isdecimal() else (1, part) for part in parts if part]


def open_image(path: tf.Tensor) -> LazyImage:
    """The image of a JPEG, PNG, BMP or GIF file, read and not yet decoded.

    A file that states more than `MAX_PIXELS` fails before it is decoded.
    """
    contents = tf.io.read_file(path)
    height, width = stated_size(contents)
    with tf.control_dependencies([refuse_bombs(height, width)]):
        contents = tf.identity(contents)
    # What states no size is no image, or one whose size only its decoder knows.
    sides = tf.cond(
        height * width > 0,
        lambda: tf.cast(tf.stack([height, width]), tf.int32),
        lambda: tf.shape(decode_all(contents))[:2],
    )
    return LazyImage(sides[0], sides[1], contents)


@dataclasses.dataclass(frozen=True)
class PngHeader:
    """What the first bytes of a PNG file say."""

    width: int
    height: int
    bit_depth: int
    color_type: int

    GREY, RGB, PALETTE, GREY_ALPHA, RGBA = 0, 2, 3, 4, 6


def png_header(path: Path) -> PngHeader | None:
    """The header of a PNG file, None for another kind of file.

    Raises:
        InputError: the file cannot be read or is cut off.
    """
    try:
        with path.open("rb") as file:
            head = file.read(26)
    except OSError as error:
        raise InputError(f"{path}: {error.strerror or error}.") from error
    if not head.startswith(_PNG_SIGNATURE):
        if not head:
            raise InputError(f"{path}: the file is empty.")
        return None
    if len(head) < 26:
        raise InputError(f"{path}: the file is cut off.")
    return PngHeader(*struct.unpack(">IIBB", head[16:26]))


def read_index_map(path: str | Path) -> np.ndarray:
    """(H, W) int32 values of a mask file as stored: palette indexes, not colours.

    Raises:
        InputError: a colour image, a lossy file, or one that cannot be decoded.
    """
    try:
        with Image.open(path) as image:
            if image.format == "JPEG":
                raise InputError(f"{path}: JPEG changes class numbers; save masks as PNG.")
            if image.mode == "1":
                return np.asarray(image, np.int32) * 255
            values = np.asarray(image)
    except InputError:
        raise
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise InputError(
            f"{path}: not a readable mask ({error}); save it again or remove it."
        ) from error
    if values.ndim == 3 and values.shape[2] in (3, 4):
        if np.array_equal(values[..., 0], values[..., 1]) and np.array_equal(
            values[..., 0], values[..., 2]
        ):
            return values[..., 0].astype(np.int32)
        raise InputError(
            f"{path}: a colour image; a mask is a grey or palette PNG of class numbers."
        )
    if values.ndim == 3:
        values = values[..., 0]
    return values.astype(np.int32)


def index_map_reader(paths: list[Path]):
    """The fastest decoder that reads all these mask files right.

    Returns:
        A function from a path tensor to an (H, W) int32 tensor. Plain 8- and 16-bit grey PNG are
        decoded by TensorFlow; palettes, other depths and kinds by Pillow.
    """
    depths = set()
    for path in paths:
        header = png_header(path)
        plain = header is not None and header.color_type == PngHeader.GREY
        depths.add(header.bit_depth if header and plain and header.bit_depth >= 8 else 0)
    if depths in ({8}, {16}):
        dtype = tf.uint8 if depths == {8} else tf.uint16

        def decode(path: tf.Tensor) -> tf.Tensor:
            values = tf.io.decode_png(tf.io.read_file(path), channels=1, dtype=dtype)
            return tf.cast(values[..., 0], tf.int32)

        return decode

    def decode_with_pillow(path: tf.Tensor) -> tf.Tensor:
        values = tf.numpy_function(
            lambda name: read_index_map(os.fsdecode(name)), [path], tf.int32, stateful=False
        )
        return tf.ensure_shape(values, (None, None))

    return decode_with_pillow


def same_size(image: LazyImage, values: tf.Tensor, path: tf.Tensor) -> tf.Operation:
    """Asserts inside the graph that the map in the file `path` has the size of its image."""
    high, wide = tf.unstack(tf.shape(values)[:2])
    image_high, image_wide = image.height, image.width
    return demand(
        tf.reduce_all([high == image_high, wide == image_wide]),
        *("the image is ", image_high, "×", image_wide, " (height × width) but ", path, " is "),
        *(high, "×", wide, "; give them one size."),
    )
