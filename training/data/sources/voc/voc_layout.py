"""Layouts of a folder with XML files in Pascal VOC's format, images and lists."""

from __future__ import annotations

import os
from pathlib import Path

from training.data.sources.reading.folder_layout import IMAGE_FOLDERS
from training.data.sources.reading.image_files import natural_key
from training.data.sources.reading.linked_folders import walk
from training.data.sources.reading.path_matching import PathMatcher
from training.data.sources.reading.split_lists import read_list, split_by_lists
from training.data.sources.reading.splits import (
    SPLIT_NAMES,
    Reader,
    split_from_name,
    split_lists,
)
from zoo.errors import InputError
from zoo.files.file_names import shown

XML_FOLDERS = ("Annotations", "annotations", "annotations/xmls", "xmls", "labels", "label")

XmlFiles = dict[str, list[Path]]
"""XML files by split; `""` if their splits are unknown."""


def find_root(root: Path) -> Path:
    """Returns the folder of a data set: `root`, or the only one below it, such as `VOC2012`."""
    if xml_folder(root):
        return root
    below = [
        folder
        for parent in (root, root / "VOCdevkit")
        if parent.is_dir()
        for folder in sorted(parent.iterdir())
        if folder.is_dir() and not split_from_name(folder.name) and xml_folder(folder)
    ]
    if len(below) > 1:
        names = ", ".join(shown(folder) for folder in below)
        raise InputError(f"{shown(root)}: several data sets; use one of {names}.")
    return below[0] if below else root


def xml_folder(root: Path) -> Path | None:
    """Returns the folder of XML files that tools keep apart from the images, or None."""
    folders = (root / name for name in XML_FOLDERS)
    return next((folder for folder in folders if folder.is_dir() and _has_xml(folder)), None)


def find_xml_files(reader: Reader, task: str) -> XmlFiles:
    """Returns the XML files of a data set.

    They are in `Annotations`, in folders named after splits, together with the images in `images`,
    or anywhere else in the data folder; always in sub-folders, too. Splits come from lists such as
    `ImageSets/TASK/train.txt`, else from folders named after them.
    """
    root = reader.root
    base = xml_folder(root)
    folders = {
        split: [root / name for name in names if (root / name).is_dir() and _has_xml(root / name)]
        for split, names in SPLIT_NAMES.items()
    }
    if base is None and any(folders.values()):
        return {
            split: [file for folder in found for file in xml_files(folder)]
            for split, found in folders.items()
            if found
        }
    if base is None:
        candidates = [root / name for name in IMAGE_FOLDERS if (root / name).is_dir()]
        base = next((folder for folder in candidates if _has_xml(folder)), root)
    files = xml_files(base)
    if not files:
        raise InputError(
            f"{shown(root)}: layout not recognized, no XML files; put them into Annotations and "
            "images into JPEGImages, or both into one folder, or into train and valid."
        )
    places = (f"ImageSets/{task}", "ImageSets", "", "splits")
    if lists := split_lists(root, places):
        return split_by_lists(files, lists, reader, "XML files")
    return _by_class_lists(files, root / places[0], reader) or _by_folders(files, base, reader)


def xml_files(folder: Path) -> list[Path]:
    """Returns the XML files in a folder and its sub-folders, in natural order."""
    files: list[Path] = []
    for parent, _, names in walk(folder):
        paths = [Path(parent, n) for n in names if n.lower().endswith(".xml") and n[0] != "."]
        files += sorted(paths, key=natural_key)
    return files


def _has_xml(folder: Path) -> bool:
    return any(name.lower().endswith(".xml") for _, _, names in walk(folder) for name in names)


def _by_class_lists(files: list[Path], folder: Path, reader: Reader) -> XmlFiles:
    """Returns splits from lists of each class alone, `cat_train.txt`, as VoTT writes them."""
    if not folder.is_dir():
        return {}
    lists: dict[str, list[Path]] = {}
    for path in sorted(folder.glob("*_*.txt")):
        if split := split_from_name(path.stem.rpartition("_")[2]):
            lists.setdefault(split, []).append(path)
    matcher = PathMatcher(reader.root, files)
    splits: XmlFiles = {}
    for split, paths in lists.items():
        listed = [read_list(path, matcher.find, reader, split) for path in paths]
        splits[split] = list(dict.fromkeys(file for names in listed for file in names))
    if splits and (count := len(set(files) - {f for part in splits.values() for f in part})):
        reader.notes.append(f"{count} XML files are not listed in any split and were not read.")
    return splits


def _by_folders(files: list[Path], base: Path, reader: Reader) -> XmlFiles:
    """Returns splits by the first folder below `base`; `""` if none is named after a split."""
    splits: XmlFiles = {}
    for file in files:
        first = os.path.relpath(file, base).split(os.sep)[0]
        splits.setdefault(split_from_name(first), []).append(file)
    if len(splits) > 1 and (others := splits.pop("", None)):
        reader.notes.append(
            f"{len(others)} XML files are in no folder of a split and were not read, such as "
            f"{shown(others[0])}."
        )
    return splits
