"""Layouts of a YOLO data set: `data.yaml`, Darknet's `obj.data`, else the folders of its files."""

from __future__ import annotations

import dataclasses
import difflib
import os
from collections import Counter
from pathlib import Path

from training.data.sources.reading.defects import Defect
from training.data.sources.reading.folder_layout import IMAGE_FOLDERS
from training.data.sources.reading.image_files import (
    IMAGE_SUFFIXES,
    images_below,
    other_files_note,
)
from training.data.sources.reading.image_finder import ImageFinder
from training.data.sources.reading.json_files import short
from training.data.sources.reading.splits import SPLIT_NAMES, Reader, split_from_name
from training.data.sources.yolo.yolo_lists import read_list
from training.data.sources.yolo.yolo_paths import below
from training.data.sources.yolo.yolo_yaml import (
    SIMILAR,
    SPLIT_KEYS,
    read_flip_idx,
    read_kpt_shape,
    read_names,
    read_yaml,
    unnamed_classes,
    unread_keys,
)
from zoo.errors import InputError
from zoo.files.file_names import inside, shown
from zoo.files.text_files import numbered_lines

_DARKNET_SPLITS = ("train", "valid", "val", "test")
_DARKNET_OTHERS = ("classes", "names", "backup", "eval", "results", "labels", "map", "tree", "top")
_NAME_FILES = ("classes.txt", "labels/classes.txt", "obj.names", "names.txt", "labels.txt")


_BESIDE_IMAGES = (".txt", ".yaml", ".yml", ".cache", ".npy", ".json", ".md", ".names", ".data")
"""Endings of labels, lists and caches that may lie among the images."""


@dataclasses.dataclass
class Layout:
    """Images, classes and keypoints of a data set.

    Attributes:
        splits: images by split; `""` for images without a split.
        names: class names; None if unknown.
        keypoints: number of keypoints and of values for each (`kpt_shape`); None without keypoints.
        keypoint_names: names of the keypoints; empty if unknown.
        flip_idx: index of the keypoint that replaces each one in a flipped image; None if unknown.
        notes: remarks for `Source.notes`.
    """

    splits: dict[str, list[Path]] = dataclasses.field(default_factory=dict)
    names: tuple[str, ...] | None = None
    keypoints: tuple[int, int] | None = None
    keypoint_names: tuple[str, ...] = ()
    flip_idx: tuple[int, ...] | None = None
    notes: list[str] = dataclasses.field(default_factory=list)

    def images_below(self, folder: Path) -> list[Path]:
        """Returns the images below a folder; notes files that are neither images nor labels."""
        others = Counter[str]()
        images = images_below(folder, others)
        for suffix in [one for one in others if one.lower() in _BESIDE_IMAGES]:
            del others[suffix]
        if others and images:
            self.notes.append(other_files_note(others, folder))
        return images


def find_layout(reader: Reader, data: str) -> Layout:
    """Reads the file `data`, or the folder's only YAML file; without any, other layouts.

    Lines of lists that name no image become defects of `reader`.
    """
    root = reader.root
    if data:
        path = inside(root, data, f"data={data}")
        if not os.path.isfile(path):
            raise InputError(
                f"data={data}: no such file in {shown(root)}; use a YAML file below it."
            )
        return _from_darknet(reader, path) if path.suffix == ".data" else _from_yaml(reader, path)
    files = sorted(path for path in root.iterdir() if path.suffix.lower() in (".yaml", ".yml"))
    named = [path for path in files if path.stem.lower() in ("data", "dataset")] or files
    if len(named) > 1:
        names = ", ".join(shown(path.name) for path in named[:4])
        raise InputError(f"{shown(root)}: several YAML files ({names}); select one with data=FILE.")
    darknet = sorted(root.glob("*.data"))
    if not named and len(darknet) == 1:
        return _from_darknet(reader, darknet[0])
    return _from_yaml(reader, named[0]) if named else _from_folders(root)


def _from_yaml(reader: Reader, path: Path) -> Layout:
    root, content = reader.root, read_yaml(path)
    layout = Layout(names=read_names(root, path, content))
    layout.notes += unnamed_classes(path, content, len(layout.names or ()))
    layout.notes += unread_keys(path.parent, path, content)
    layout.keypoints = read_kpt_shape(path, content.get("kpt_shape"))
    if layout.keypoints:
        layout.flip_idx = read_flip_idx(path, content.get("flip_idx"), layout.keypoints[0])
        names = content.get("kpt_names")
        names = next(iter(names.values()), None) if isinstance(names, dict) else names
        if isinstance(names, list) and len(names) == layout.keypoints[0]:
            layout.keypoint_names = tuple(shown(n) if isinstance(n, str) else "" for n in names)
    stated = content.get("path") or "."
    base = path.parent
    place = below(root, stated, base) if isinstance(stated, str) else None
    if place is not None and os.path.isdir(place):
        base = place
    else:
        layout.notes.append(f"path: {short(stated)} does not exist here; {shown(base)} is used.")
    entries = _Entries(reader, base, ImageFinder(root), layout)
    for split, keys in SPLIT_KEYS.items():
        key = next((key for key in keys if content.get(key)), "")
        stated = content.get(key, [])
        for entry in stated if isinstance(stated, list) else [stated]:
            if not isinstance(entry, str):
                raise InputError(
                    f"{shown(path)}: {key} must be a folder or a list, not {short(entry)}."
                )
            entries.add(split, f"{shown(path)}: {key}", entry)
    if not layout.splits:
        raise InputError(f"{shown(path)}: no train and no val; add their folders of images.")
    if "train" not in layout.splits:
        layout.notes.append(f"{shown(path.name)} names no train.")
    elif "val" not in layout.splits:
        layout.notes.append(f"{shown(path.name)} names no val.")
    return layout


def _check_darknet_keys(path: Path, content: dict[str, tuple[int, str]]) -> None:
    """Raises InputError for a key nearly named as one that is absent, or a split without list."""
    absent = [key for key in (*_DARKNET_SPLITS, "names") if key not in content]
    for key, (number, value) in content.items():
        where = f"{shown(path)}: line {number}"
        if key in _DARKNET_SPLITS and not value:
            raise InputError(f"{where}: {key} is empty; write its list, or remove the line.")
        known = key in (*_DARKNET_SPLITS, *_DARKNET_OTHERS)
        close = [] if known else difflib.get_close_matches(key, absent, n=1, cutoff=SIMILAR)
        if close:
            raise InputError(f"{where}: unknown key {short(key)!r}; did you mean {close[0]!r}?")


def _from_darknet(reader: Reader, path: Path) -> Layout:
    """Reads a file of lines `key = value`: lists `train` and `valid`, and the file `names`."""
    content: dict[str, tuple[int, str]] = {}
    for number, line in numbered_lines(path):
        key, equals, value = line.partition("=")
        if equals and not line.startswith("#"):
            # Darknet's own folder of data sets is `data`.
            value = value.strip()
            here = os.path.exists(path.parent / value)
            content[key.strip().lower()] = (number, value if here else value.removeprefix("data/"))
    _check_darknet_keys(path, content)
    root, layout = reader.root, Layout()
    entries = _Entries(reader, path.parent, ImageFinder(root), layout)
    for key in _DARKNET_SPLITS:
        number, value = content.get(key, (0, ""))
        if value:
            entries.add(split_from_name(key), f"{shown(path)}: line {number}: {key}", value)
    number, value = content.get("names", (0, ""))
    names = below(root, value, path.parent) if value else None
    if value and names is None:
        raise InputError(
            f"{shown(path)}: line {number}: no file {shown(value)} in {shown(root)}; add it, one "
            "class per line."
        )
    layout.names = _names_in(root, [names] if names else [])
    if not layout.splits:
        raise InputError(f"{shown(path)}: no train and no valid; add their lists of images.")
    return layout


@dataclasses.dataclass(frozen=True)
class _Entries:
    """Folders and lists of images, which a file names relative to `base`."""

    reader: Reader
    base: Path
    finder: ImageFinder
    layout: Layout

    def add(self, split: str, where: str, name: str) -> None:
        """Adds the images of a folder, of a list, or of an image file to a split."""
        root = self.finder.root
        entry = below(root, name, self.base)
        if entry is None and split == "test":
            # Exports name a test folder whether or not they have one; nothing else depends on it.
            self.layout.splits.setdefault(split, [])
            problem, remedy = f"no folder or list {shown(name)}", "name one that exists, or remove"
            file = where.removesuffix(": test")
            self.reader.report(Defect(problem, f"{remedy} the key", "test", file, split))
            return
        if entry is None:
            raise InputError(
                f"{where}: no folder or list {shown(name)} in {shown(root)}; name one that exists, "
                "or remove the key."
            )
        plain = name.strip().replace("\\", "/")
        exact = os.path.realpath(os.path.join(self.base, plain))
        if exact != os.path.realpath(entry) and not plain.startswith(".."):
            self.layout.notes.append(f"{shown(name)} is not here; {shown(entry)} is used.")
        images = self.layout.splits.setdefault(split, [])
        if os.path.isdir(entry):
            images += self.layout.images_below(entry)
        elif entry.suffix.lower() in IMAGE_SUFFIXES:
            images.append(entry)
        else:
            images += read_list(entry, split, self.base, self.finder, self.reader)


def _from_folders(root: Path) -> Layout:
    """Returns the layout without YAML: folders named after splits, else one folder of images."""
    layout = Layout()
    for split, names in SPLIT_NAMES.items():
        for name in names:
            folders = [root / image / name for image in IMAGE_FOLDERS]
            folders += [root / name / image for image in IMAGE_FOLDERS] + [root / name]
            folder = next((folder for folder in folders if os.path.isdir(folder)), None)
            if folder is not None and (images := layout.images_below(folder)):
                layout.splits.setdefault(split, images)
    if not layout.splits:
        folders = [root / image for image in IMAGE_FOLDERS if os.path.isdir(root / image)]
        images = layout.images_below(folders[0] if folders else root)
        layout.splits[""] = images
    layout.names = _names_in(root, [root / file for file in _NAME_FILES])
    return layout


def _names_in(root: Path, files: list[Path]) -> tuple[str, ...] | None:
    """Returns the lines of the first file of class names that exists, or None."""
    file = next((file for file in files if os.path.isfile(file)), None)
    return None if file is None else tuple(line for _, line in numbered_lines(file))
