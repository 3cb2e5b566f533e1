"""Index maps: mask files whose pixel values are class indices or instance ids."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import tensorflow as tf
from PIL import Image

from training.data.augment.lazy_image import LazyImage
from training.data.sources.reading.graph_checks import assert_in_graph
from zoo.errors import InputError

_PNG_SIGNATURE, _GREY = b"\x89PNG\r\n\x1a\n", 0


def _grey_depth(path: Path) -> int:
    """Returns the bit depth of a grey PNG file, 0 for any other file."""
    try:
        with path.open("rb") as file:
            head = file.read(26)
    except OSError as error:
        raise InputError(f"{path}: {error.strerror or error}.") from error
    if not head:
        raise InputError(f"{path}: the file is empty; save it again or remove it.")
    if not head.startswith(_PNG_SIGNATURE):
        return 0
    if len(head) < 26:
        raise InputError(f"{path}: the file is truncated; save it again or remove it.")
    depth, color_type = head[24:26]
    return depth if color_type == _GREY else 0


def read_index_map(path: str | Path) -> np.ndarray:
    """Returns the (H, W) int32 values of a mask file; for a palette image, its indices."""
    try:
        with Image.open(path) as image:
            if image.format == "JPEG":
                raise InputError(f"{path}: JPEG changes class indices; save masks as PNG.")
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
        grey = (values[..., :3] == values[..., :1]).all()
        if not grey:
            raise InputError(
                f"{path}: a color image; save the mask as a grey or palette PNG of class indices."
            )
    if values.ndim == 3:
        values = values[..., 0]
    return values.astype(np.int32)


def index_map_reader(paths: list[Path]) -> Callable[[tf.Tensor], tf.Tensor]:
    """Returns the fastest decoder of all these mask files, from a path to an (H, W) int32 tensor.

    Grey PNG of 8 or 16 bits are decoded by TensorFlow; palettes, other depths and kinds by Pillow.
    """
    depths = set(map(_grey_depth, paths))
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


def assert_same_size(image: LazyImage, values: tf.Tensor, path: tf.Tensor) -> tf.Operation:
    """Asserts inside the graph that an (H, W) map from a file `path` has the size of its image."""
    height, width = tf.unstack(tf.shape(values)[:2])
    return assert_in_graph(
        tf.reduce_all([height == image.height, width == image.width]),
        *("the image is ", image.height, "×", image.width, " (height × width) but ", path),
        *(" is ", height, "×", width, "; give them one size."),
    )
