"""Index maps: mask files whose pixel values are class indices or instance ids."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
from PIL import Image

from training.data.augment.lazy_image import LazyImage
from training.data.sources.reading.graph_checks import assert_in_graph
from training.data.sources.reading.image_files import refuse_device
from zoo.errors import InputError
from zoo.images.exif_orientation import EXCHANGED, is_one_of

_PNG_SIGNATURE, _GREY = b"\x89PNG\r\n\x1a\n", 0
MaskReader = Callable[[tf.Tensor], tf.Tensor]
"""From a path, a string scalar, to (H, W) int32; runs inside tf.data."""


def _png_header(path: str | Path) -> tuple[int, int] | None:
    """Returns bit depth and color type of a PNG file, None for any other file."""
    try:
        with open(path, "rb") as file:
            head = file.read(26)
    except OSError:
        return None
    return (head[24], head[25]) if head.startswith(_PNG_SIGNATURE) and len(head) == 26 else None


def read_index_map(path: str | Path, lossy: bool = False) -> np.ndarray:
    """Returns the (H, W) int32 values of a mask file; for a palette image, its indices.

    Only if `lossy`, JPEG files are read, and the luminance of color images.
    """
    return index_values(open_mask(path), path, lossy)


def open_mask(path: str | Path) -> Image.Image:
    """Opens and decodes a mask file; raises InputError if it is not an image."""
    refuse_device(Path(path))
    try:
        with Image.open(path) as image:
            image.load()
            return image
    except FileNotFoundError as error:
        raise InputError(
            f"{path}: no such file; restore the file or remove it from the list."
        ) from error
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        if os.path.isfile(path) and not os.path.getsize(path):
            raise InputError(f"{path}: the file is empty; save it again or remove it.") from error
        raise InputError(
            f"{path}: not a readable mask ({str(error).rstrip('.')}); save it again or remove it."
        ) from error


def index_values(image: Image.Image, path: str | Path, lossy: bool = False) -> np.ndarray:
    """Returns the (H, W) int32 values of a decoded mask, see `read_index_map`."""
    if image.format == "JPEG" and not lossy:
        raise InputError(
            f"{path}: JPEG changes class indices; save masks as PNG, or make two classes of it "
            "with ?threshold=128."
        )
    if image.mode == "1":
        return np.asarray(image, np.int32) * 255
    if image.mode in ("CMYK", "YCbCr", "LAB", "HSV"):
        image = image.convert("RGB")
    values = np.asarray(image)
    color = values.ndim == 3 and values.shape[2] >= 3
    if color and not (values[..., :3] == values[..., :1]).all():
        if lossy:
            return np.asarray(image.convert("L"), np.int32)
        raise InputError(
            f"{path}: a color image; save the mask as a grey or palette PNG of class indices, or "
            "list its colors with ?colors=FILE."
        )
    if values.ndim == 3:
        values = values[..., 0]
    if values.dtype.kind == "f" and not (values == np.trunc(values)).all():
        raise InputError(f"{path}: its values are not whole numbers; save class indices.")
    return values.astype(np.int32)


def read_color_map(path: str | Path) -> np.ndarray:
    """Returns the (H, W) int32 colors 0xRRGGBB of a mask file."""
    red, green, blue = np.moveaxis(np.asarray(open_mask(path).convert("RGB"), np.int32), -1, 0)
    return (red << 16) + (green << 8) + blue


def index_map_reader(paths: Iterable[str | Path], lossy: bool = False) -> MaskReader:
    """Returns the fastest decoder of all these mask files, from a path to an (H, W) int32 tensor.

    Grey PNG of 8 or 16 bits are decoded by TensorFlow; palettes, other depths and kinds by Pillow.
    """
    headers = {_png_header(path) for path in paths}
    if headers in ({(8, _GREY)}, {(16, _GREY)}):
        dtype = tf.uint8 if headers == {(8, _GREY)} else tf.uint16

        def decode(path: tf.Tensor) -> tf.Tensor:
            values = tf.io.decode_png(tf.io.read_file(path), channels=1, dtype=dtype)
            return tf.cast(values[..., 0], tf.int32)

        return decode
    return with_pillow(lambda name: read_index_map(name, lossy))


def color_map_reader(paths: Iterable[str | Path]) -> MaskReader:
    """Returns the fastest decoder of all these mask files to (H, W) int32 colors 0xRRGGBB."""
    if all(header and header[0] <= 8 for header in {_png_header(path) for path in paths}):

        def decode(path: tf.Tensor) -> tf.Tensor:
            pixels = tf.cast(tf.io.decode_png(tf.io.read_file(path), channels=3), tf.int32)
            return (pixels[..., 0] * 256 + pixels[..., 1]) * 256 + pixels[..., 2]

        return decode
    return with_pillow(read_color_map)


def with_pillow(read: Callable[[str], np.ndarray]) -> MaskReader:
    """Returns a decoder that calls a function from a path to (H, W) int32 outside the graph."""

    def from_name(name: Any) -> np.ndarray:
        # Outside a graph, the name comes as an array.
        return read(os.fsdecode(name.item() if isinstance(name, np.ndarray) else name))

    def decode(path: tf.Tensor) -> tf.Tensor:
        values = tf.numpy_function(from_name, [path], tf.int32, stateful=False)
        return tf.ensure_shape(values, (None, None))

    return decode


def assert_same_size(image: LazyImage, values: tf.Tensor, path: tf.Tensor) -> tf.Operation:
    """Asserts inside the graph that an (H, W) map from a file `path` has the size of its image."""
    height, width = tf.unstack(tf.shape(values)[:2])
    as_stored = tf.reduce_all([height == image.width, width == image.height])
    as_stored &= is_one_of(tf.convert_to_tensor(image.orientation), EXCHANGED)
    remedy = tf.where(
        as_stored,
        ", as the image is stored before its EXIF orientation turns it; save the mask upright, or "
        "remove the EXIF orientation.",
        "; give them one size.",
    )
    return assert_in_graph(
        tf.reduce_all([height == image.height, width == image.width]),
        *("the image is ", image.height, "×", image.width, " (height × width) but ", path),
        *(" is ", height, "×", width, remedy),
    )
