"""Pairs of an image and its label file, matched by their names."""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Hashable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from PIL import Image

from training.data.sources.reading.defects import Defect
from training.data.sources.reading.image_files import (
    IMAGE_SUFFIXES,
    MASK_SUFFIXES,
    natural_key,
    refuse_device,
)
from training.data.sources.reading.linked_folders import walk
from training.data.sources.reading.path_matching import PathMatcher
from training.data.sources.reading.split_lists import list_lines, match_line
from training.data.sources.reading.splits import Reader
from zoo.errors import InputError
from zoo.files.file_names import shown

Pairs = list[tuple[Path, Path]]

_ENDINGS = (
    *("", "_mask", "_masks", "_label", "_labels", "_instances", "_segmentation", "_seg", "_gt"),
    "_L",
)
_IMAGE_ENDING = re.compile("_(sat|image|img)$")
CLASS_TABLE = "_classes.csv"
"""Roboflow's file of the classes of masks."""


class PairMatcher:
    """Pairs images with label files of the same path below their folders, or of the same stem.

    Args:
        reader: data set, for defects and notes.
        drop: whether images without a label file are left out with a note instead of a defect.
    """

    def __init__(self, reader: Reader, drop: bool):
        self.reader = reader
        self._drop = drop
        self._dropped = 0
        self._used: set[Path] = set()
        self._indices: dict[Path, _LabelIndex] = {}

    def labels_in(self, folder: Path) -> _LabelIndex:
        """Returns the label files of a folder; each folder is listed once."""
        if folder not in self._indices:
            files = files_below(self.reader, folder, MASK_SUFFIXES)
            self._indices[folder] = _LabelIndex(files, folder)
        return self._indices[folder]

    def match_beside(self, folder: Path, split: str) -> Pairs:
        """Returns the images of a folder with the label file beside each, such as `a_mask.png`.

        Empty if no image has one; others that lack one are then defects.
        """
        files = files_below(self.reader, folder, (*IMAGE_SUFFIXES, *MASK_SUFFIXES))
        labels = [file for file in files if file.stem.endswith(_ENDINGS[1:])]
        images = [file for file in files if not file.stem.endswith(_ENDINGS[1:])]
        self._indices[folder] = index = _LabelIndex(labels, folder)
        if not any(index.of(path_below(image, folder)) for image in images):
            return []
        return self.match(images, folder, folder, split)

    def match(self, images: list[Path], folder: Path, labels: Path, split: str) -> Pairs:
        """Returns the images of a folder that have a label file in another, with that file."""
        index = self.labels_in(labels)
        pairs: Pairs = []
        for image in images:
            found = index.of(path_below(image, folder))
            if len(found) == 1:
                pairs.append((image, found[0]))
                self._used.add(found[0])
            elif not found and self._drop:
                self._dropped += 1
            else:
                self._report(image, found, labels, split)
        return pairs

    def _report(self, image: Path, found: list[Path], labels: Path, split: str) -> None:
        if found:
            names = " and ".join(shown(os.path.relpath(path, labels)) for path in found[:2])
            problem, remedy = f"its label file may be {names} in {shown(labels)}", "keep one"
        else:
            problem = f"no label file {shown(image.stem)}.png in {shown(labels)}"
            remedy = "add it, or leave such images out with missing=drop"
        where = {"file": shown(image), "split": split, "unused": "image"}
        self.reader.report(Defect(problem, remedy, **where))

    def note_unused(self) -> None:
        """Notes images that were left out, and label files without an image."""
        if self._dropped:
            self.reader.notes.append(
                f"missing=drop: {self._dropped} images have no label file and are not read."
            )
        for folder, index in self._indices.items():
            unused = [file for file in index.files if file not in self._used]
            if unused:
                names = ", ".join(shown(os.path.relpath(file, folder)) for file in unused[:3])
                self.reader.notes.append(
                    f"{len(unused)} label files of {shown(folder)} have no image, or none that is "
                    f"listed, and are not read: {names}{', …' * (len(unused) > 3)}."
                )


class _LabelIndex:
    """The label files in a folder and its sub-folders, by path and by stem."""

    def __init__(self, files: list[Path], folder: Path):
        self.files = files
        self._by_path: dict[str, list[Path]] = {}
        self._by_stem: dict[str, list[Path]] = {}
        for file in self.files:
            self._by_path.setdefault(_stem(path_below(file, folder)), []).append(file)
            self._by_stem.setdefault(file.stem, []).append(file)

    def of(self, image: str) -> list[Path]:
        """Returns the label files of an image: of its path below its folder, or of its stem.

        Of the stem, if either the images or the label files are not in sub-folders.
        """
        name = os.path.basename(image)
        by_stem = self._by_path if name != image else self._by_stem
        for files, path in ((self._by_path, image), (by_stem, name)):
            plain = _stem(path)
            for stem in (plain, path, _IMAGE_ENDING.sub("", plain)):
                for ending in _ENDINGS:
                    if found := files.get(stem + ending):
                        return found
        return []


def _stem(path: str) -> str:
    return os.path.splitext(path)[0]


def path_below(file: Path, folder: Path) -> str:
    """Returns the path of a file below one of its folders, faster than `relative_to`."""
    return os.fspath(file).removeprefix(f"{os.fspath(folder)}/")


def files_below(reader: Reader, folder: Path, suffixes: tuple[str, ...]) -> list[Path]:
    """Returns the files in a folder and its sub-folders, in natural order; notes the others."""
    files: list[Path] = []
    others = Counter[str]()
    for parent, _, names in walk(folder):
        names = [name for name in names if name[0] != "." and name != CLASS_TABLE]
        paths = [Path(parent, name) for name in names]
        found = [path for path in paths if path.suffix.lower() in suffixes]
        files += map(refuse_device, sorted(found, key=natural_key))
        others.update(p.suffix or p.name for p in paths if p.suffix.lower() not in suffixes)
    if others:
        kinds = ", ".join(f"{count} {shown(suffix)}" for suffix, count in others.most_common(5))
        reader.notes.append(f"files of {shown(folder)} of other kinds are not read: {kinds}.")
    return files


def pairs_from_lists(reader: Reader, lists: dict[str, Path]) -> dict[str, Pairs]:
    """Returns splits from lists whose lines are `image label`; empty if no line is of this form."""
    files = [
        refuse_device(Path(parent, name))
        for parent, _, names in walk(reader.root)
        for name in names
        if name[0] != "." and os.path.splitext(name)[1].lower() in {*IMAGE_SUFFIXES, *MASK_SUFFIXES}
    ]
    find = PathMatcher(reader.root, files).find
    splits: dict[str, Pairs] = {}
    defects: list[Defect] = []
    for split, path in lists.items():
        splits[split] = []
        for number, line in list_lines(path, find, reader):
            problem = f"no two files fit {shown(line)!r}"
            try:
                found, unknown = match_line(line, find)
                problem = f"no file fits {shown(unknown[0])!r}" if unknown else problem
            except InputError as error:
                found, unknown, problem = [], [], str(error)
            if len(found) == 2 and not unknown:
                splits[split].append((found[0], found[1]))
                continue
            where = {"record": f"line {number}", "file": shown(path), "split": split}
            remedy = "write `image label`, paths below the data folder"
            defects.append(Defect(problem, remedy, unused="image", **where))
    if not any(splits.values()):
        return {}
    for defect in defects:
        reader.report(defect)
    return splits


def colors_of(paths: list[Path]) -> list[set[Hashable]]:
    """Returns the values or colors in each mask file; none of a file with more than 256."""
    with ThreadPoolExecutor() as pool:
        return list(pool.map(_colors, paths))


def _colors(path: Path) -> set[Hashable]:
    try:
        with Image.open(path) as image:
            return {color for _, color in image.getcolors() or ()}
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError):
        return set()  # reported where the mask is read
