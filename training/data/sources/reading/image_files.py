"""Image files: finding, ordering and opening them."""

from __future__ import annotations

import os
import re
from collections import Counter
from pathlib import Path

import tensorflow as tf

from training.data.augment.lazy_image import LazyImage, decode_all
from training.data.sources.reading.image_headers import assert_size_limit, encoded_size
from zoo.errors import InputError

IMAGE_SUFFIXES = (".jpg", ".jpeg", ".png", ".bmp", ".gif")
MASK_SUFFIXES = (".png", ".tif", ".tiff", ".bmp", ".gif")


def files_by_stem(folder: Path, suffixes: tuple[str, ...]) -> dict[str, Path]:
    """Returns the files of a folder by stem, in natural order; suffixes are in lower case."""
    files: dict[str, Path] = {}
    for path in sorted(folder.iterdir(), key=natural_key):
        if path.suffix.lower() not in suffixes or path.name.startswith("."):
            continue
        if path.stem in files:
            raise InputError(f"{path}: {files[path.stem].name} has the same name; keep one.")
        files[path.stem] = path
    return files


def images_below(folder: Path, others: Counter[str] | None = None) -> list[Path]:
    """Returns the images in a folder and its sub-folders; counts other files by suffix."""
    images: list[Path] = []
    for parent, folders, files in os.walk(folder):
        folders.sort()
        paths = [Path(parent, name) for name in files if not name.startswith(".")]
        found = [path for path in paths if path.suffix.lower() in IMAGE_SUFFIXES]
        images += sorted(found, key=natural_key)
        if others is not None:
            others.update(
                p.suffix or p.name for p in paths if p.suffix.lower() not in IMAGE_SUFFIXES
            )
    return images


def natural_key(path: Path) -> list[tuple[int, int | str]]:
    """Returns a sorting key that puts `10` after `9`."""
    parts = re.split(r"(\d+)", path.name)
    return [(0, int(part)) if part.isdecimal() else (1, part) for part in parts if part]


def open_image(path: tf.Tensor) -> LazyImage:
    """Reads a JPEG, PNG, BMP or GIF file, not yet decoded; refuses more than `MAX_PIXELS`."""
    contents = tf.io.read_file(path)
    height, width = encoded_size(contents)
    with tf.control_dependencies([assert_size_limit(height, width)]):
        contents = tf.identity(contents)
    # A file without a size in its header is not an image, or one that only its decoder can measure.
    sides = tf.cond(
        height * width > 0,
        lambda: tf.cast(tf.stack([height, width]), tf.int32),
        lambda: tf.shape(decode_all(contents))[:2],
    )
    return LazyImage(sides[0], sides[1], contents)
