"""The interface of a writer of labeled images."""

from __future__ import annotations

import abc
import dataclasses
import json
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np

from training.data.writing.image_placement import ImagePlacement
from training.data.writing.labeled_image import LabeledImage, LabeledObject, LabelNames
from zoo.files.file_names import shown


class Writer(abc.ABC):
    """Writes labeled images and their labels into a folder.

    Args:
        folder: existing empty folder.
        names: class and keypoint names.
        copy: whether to copy image files instead of linking them.
        location: final place of the folder, for formats that refer to it; `folder` by default.

    Attributes:
        images: number of images by split.
        objects: number of objects written.
        lost: number by description of what the format cannot hold.
    """

    needs_split = True
    """Whether images without a split, such as predictions, are written as `train`."""

    def __init__(
        self, folder: Path, names: LabelNames, copy: bool = False, location: Path | None = None
    ):
        self.folder = folder
        self.names = names
        self.location = folder if location is None else location
        self.placement = ImagePlacement(copy)
        self.images: Counter[str] = Counter()
        self.objects = 0
        self.lost: Counter[str] = Counter()

    def add(self, image: LabeledImage) -> None:
        """Adds one image."""
        if not image.split and self.needs_split:
            image = dataclasses.replace(image, split="train")
        self.images[image.split] += 1
        self._add(image)

    @abc.abstractmethod
    def _add(self, image: LabeledImage) -> None:
        """Writes one image with its labels."""

    @abc.abstractmethod
    def close(self) -> None:
        """Writes what belongs to all images."""

    def lose(self, what: str, count: int = 1) -> None:
        """Counts what the format cannot hold; `what` is a phrase for `notes`."""
        if count:
            self.lost[what] += count

    def notes(self) -> list[str]:
        """Returns a sentence for each kind of loss, and for copied and renamed images."""
        notes = [f"{what}: {count}." for what, count in self.lost.items()]
        if self.placement.copied:
            notes.append(
                "images copied, as a hard link to their place is impossible: "
                f"{self.placement.copied}."
            )
        if self.placement.renamed:
            old, new = self.placement.renamed[0]
            notes.append(
                "images renamed, as their name is repeated or not portable: "
                f"{len(self.placement.renamed)}, such as {old} to {new}."
            )
        return notes

    def _written(self, item: LabeledObject, **unsupported: str) -> None:
        """Counts an object as written, and losses by the attribute that is not supported.

        The phrase of an attribute is counted if the object has it.
        """
        self.objects += 1
        for attribute, what in unsupported.items():
            value = getattr(item, attribute)
            if isinstance(value, np.ndarray) or value not in (None, False, ""):
                self.lose(what)


def write_json_lines(path: Path, items: list[Any], start: str = "[", end: str = "]") -> None:
    """Writes a list as JSON with one item per line."""
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = ",\n".join(json.dumps(item) for item in items)
    path.write_text(f"{start}\n{lines}\n{end}\n", encoding="utf-8")


def printable(name: str) -> str:
    """Returns a class name without characters that XML or text files cannot hold."""
    return shown(name)
