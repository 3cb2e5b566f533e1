"""Image files: finding, ordering and opening them."""

from __future__ import annotations

import functools
import os
import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import tensorflow as tf

from training.data.augment.lazy_image import LazyImage
from training.data.sources.reading.graph_checks import describe_error
from training.data.sources.reading.image_headers import assert_size_limit
from training.data.sources.reading.linked_folders import walk
from zoo.errors import InputError
from zoo.files.file_names import shown
from zoo.images.exif_orientation import exif_orientation
from zoo.images.image_decoding import upright_size

IMAGE_SUFFIXES = (
    *(".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".bmp", ".gif", ".webp", ".avif"),
    *(".tif", ".tiff", ".jp2", ".ppm", ".pgm", ".pnm"),
)
"""Endings, in lower case, of the image files that every reader reads; see `zoo.images`."""

MASK_SUFFIXES = (".png", ".tif", ".tiff", ".bmp", ".gif", ".webp", ".jpg", ".jpeg")


def files_by_stem(folder: Path, suffixes: tuple[str, ...]) -> dict[str, Path]:
    """Returns the files of a folder by stem, in natural order; suffixes are in lower case."""
    files: dict[str, Path] = {}
    for path in sorted(folder.iterdir(), key=natural_key):
        if path.suffix.lower() not in suffixes or path.name.startswith("."):
            continue
        if path.stem in files:
            raise InputError(f"{path}: {files[path.stem].name} has the same name; keep one.")
        files[path.stem] = refuse_device(path)
    return files


def images_below(folder: Path, others: Counter[str] | None = None) -> list[Path]:
    """Returns the images in a folder and its sub-folders; counts other files by suffix."""
    images: list[Path] = []
    for parent, _, files in walk(folder):
        paths = [Path(parent, name) for name in files if not name.startswith(".")]
        found = [path for path in paths if path.suffix.lower() in IMAGE_SUFFIXES]
        images += map(refuse_device, sorted(found, key=natural_key))
        if others is not None:
            others.update(
                p.suffix or p.name for p in paths if p.suffix.lower() not in IMAGE_SUFFIXES
            )
    return images


def refuse_device(path: Path) -> Path:
    """Returns a path; raises InputError if it is a folder, pipe, socket or device."""
    if not os.path.isfile(path) and os.path.exists(path):
        raise InputError(f"{shown(path)}: not a regular file; replace or remove it.")
    return path


def images_in(folder: Path, others: Counter[str] | None = None) -> list[Path]:
    """Returns the images in a folder, not below it; counts other files by suffix."""
    files = (path for path in folder.iterdir() if path.name[0] != "." and path.is_file())
    paths = sorted(files, key=natural_key)
    if others is not None:
        others.update(p.suffix or p.name for p in paths if not has_image_suffix(p))
    return [path for path in paths if has_image_suffix(path)]


def has_image_suffix(path: Path) -> bool:
    """Returns whether a file has one of the endings of images that are read."""
    return path.suffix.lower() in IMAGE_SUFFIXES


def other_files_note(others: Counter[str], folder: Path) -> str:
    """Returns a note on the files of a folder, by suffix, that are not read as images."""
    kinds = ", ".join(f"{count} {shown(suffix)}" for suffix, count in others.most_common(5))
    return f"files of {shown(folder)} that are not images by their ending are not read: {kinds}."


def first_frames_note(files: Sequence[str | Path]) -> str:
    """Returns a note on image files with several frames or pages."""
    count = f"{len(files)} files have" if len(files) > 1 else "1 file has"
    return (
        f"{count} several frames or pages, of which the first is read, such as {shown(files[0])}."
    )


def natural_key(path: Path) -> list[tuple[int, int | str]]:
    """Returns a sorting key that puts `10` after `9`."""
    parts = re.split(r"(\d+)", path.name)
    return [(0, int(part)) if part.isdecimal() else (1, part) for part in parts if part]


def read_image(path: str | os.PathLike[str]) -> np.ndarray:
    """Returns the upright (H, W, 3) uint8 RGB image of a file, with the pixels of training.

    Raises:
        InputError: if there is no such file, or it is damaged or not an image.
    """
    try:
        return _read_image(os.fsencode(path)).numpy()
    except tf.errors.OpError as error:
        raise InputError(describe_error(shown(path), error)) from error


@functools.partial(
    tf.function, autograph=False, input_signature=[tf.TensorSpec((), tf.string, name="path")]
)
def _read_image(path: tf.Tensor) -> tf.Tensor:
    return open_image(path).decode()


def open_image(path: tf.Tensor) -> LazyImage:
    """Reads an image file, upright and not yet decoded; refuses more than `MAX_PIXELS`."""
    contents = tf.io.read_file(path)
    orientation = exif_orientation(contents)
    height, width = tf.unstack(upright_size(contents, orientation))
    with tf.control_dependencies([assert_size_limit(height, width)]):
        contents = tf.identity(contents)
    height, width = tf.cast(height, tf.int32), tf.cast(width, tf.int32)
    return LazyImage(height, width, contents, orientation=orientation)
