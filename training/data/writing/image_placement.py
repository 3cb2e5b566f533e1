"""Image files of a written data set: links or copies under unique names."""

from __future__ import annotations

import os
import shutil
from pathlib import Path, PurePath

import numpy as np
from PIL import Image

from training.data.writing.labeled_image import LabeledImage
from zoo.files.file_names import shown

_RESERVED = ("classes", "train", "val", "test")
"""Stems whose label files would have the name of a list."""


class ImagePlacement:
    """Links or copies images into folders, so that the stems in each folder are unique.

    Files are hard links by default: they need no space and stay when the original is deleted, but
    a program that changes one in place changes both. Where links are impossible, files are copied.
    An image without a file is written as PNG. Contents and EXIF tags stay as they are.

    Args:
        copy: whether to copy all files.

    Attributes:
        copied: number of files that were copied because they could not be linked.
        renamed: old and new name of the images that have another name now.
    """

    def __init__(self, copy: bool = False):
        self.copy = copy
        self.copied = 0
        self.renamed: list[tuple[str, str]] = []
        self._taken: set[tuple[str, str]] = set()

    def place(self, image: LabeledImage, folder: Path) -> str:
        """Puts an image into a folder; returns its file name there."""
        name = self._name(image, folder)
        folder.mkdir(parents=True, exist_ok=True)
        if image.file is None:
            _save(image.pixels, folder / name)
        else:
            self._link(os.path.realpath(image.file), folder / name)
        return name

    def _name(self, image: LabeledImage, folder: Path) -> str:
        path = image.file or PurePath(f"{image.name}.png")
        suffix = path.suffix.lower() if not path.suffix.isascii() else path.suffix
        stem = _clean(path.stem)
        parent = _clean(path.parent.name)
        candidates = [stem, f"{parent}_{stem}" if parent else stem]
        number = 2
        while (str(folder), candidates[0].casefold()) in self._taken:
            candidates.pop(0)
            if not candidates:
                candidates.append(f"{stem}_{number}")
                number += 1
        self._taken.add((str(folder), candidates[0].casefold()))
        name = candidates[0] + suffix
        if name != path.name:
            self.renamed.append((shown(path), name))
        return name

    def _link(self, file: str, target: Path) -> None:
        if not self.copy:
            try:
                os.link(file, target)
                return
            except OSError:
                self.copied += 1
        shutil.copy2(file, target)


def _clean(stem: str) -> str:
    """Returns a stem without leading dots and outer spaces, of printable characters."""
    text = shown(stem).replace("?", "_").strip().lstrip(".")
    text = "".join("_" if letter in '/\\:*"<>|' else letter for letter in text)
    return f"image_{text}" if text.lower() in ("", *_RESERVED) else text


def _save(pixels: np.ndarray | None, path: Path) -> None:
    if pixels is None:
        raise ValueError(f"{path.name}: an image needs a file or pixels.")
    if pixels.ndim == 3 and pixels.shape[2] == 1:
        pixels = pixels[..., 0]
    if pixels.dtype not in (np.uint8, np.uint16):
        pixels = np.clip(np.round(pixels), 0, 255).astype(np.uint8)
    Image.fromarray(pixels).save(path, "PNG")
