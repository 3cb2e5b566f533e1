"""Layouts of a folder with XML files in Pascal VOC's format, images and lists."""

from __future__ import annotations

import os
from pathlib import Path

from training.data.sources.reading.image_files import IMAGE_SUFFIXES, natural_key
from training.data.sources.reading.splits import SPLIT_NAMES, listed_names, split_lists
from zoo.errors import InputError
from zoo.files.file_names import inside, shown

XML_FOLDERS = ("Annotations", "annotations", "annotations/xmls", "xmls", "labels", "label")

Names = dict[str, list[tuple[str, str]]]
"""By split: place in a list (empty without lists) and stem of each image."""


def find_root(root: Path) -> Path:
    """Returns the folder with the XML files: `root`, or the only `VOC…` below it."""
    if xml_folder(root):
        return root
    below = [
        folder
        for parent in (root, root / "VOCdevkit")
        if parent.is_dir()
        for folder in sorted(parent.iterdir())
        if folder.name.startswith("VOC2") and xml_folder(folder)
    ]
    if len(below) > 1:
        names = ", ".join(shown(folder) for folder in below)
        raise InputError(f"{shown(root)}: several data sets; use one of {names}.")
    return below[0] if below else root


def xml_folder(root: Path) -> Path | None:
    """Returns the folder of XML files, or None."""
    folders = (root / name for name in XML_FOLDERS)
    return next((folder for folder in folders if folder.is_dir() and xml_stems(folder)), None)


def xml_stems(folder: Path) -> list[str]:
    """Returns the stems of the XML files of a folder, in natural order."""
    with os.scandir(folder) as entries:
        paths = [Path(entry.name) for entry in entries if entry.name.lower().endswith(".xml")]
    return [path.stem for path in sorted(paths, key=natural_key) if path.name[0] != "."]


def split_folders(root: Path) -> dict[str, Path]:
    """Returns the folders named after splits that contain XML files and images."""
    return {
        split: root / name
        for split, names in SPLIT_NAMES.items()
        for name in names
        if (root / name).is_dir() and xml_stems(root / name)
    }


def listed_stems(root: Path, task: str) -> Names:
    """Returns stems by split from `ImageSets/TASK/train.txt` …; empty without lists."""
    stems: Names = {}
    for split, path in split_lists(root, (f"ImageSets/{task}", "ImageSets", "", "splits")).items():
        stems[split] = []
        for number, word in listed_names(path):
            where = f"{shown(path)}: line {number}"
            stem, suffix = os.path.splitext(word)
            name = stem if suffix.lower() in (*IMAGE_SUFFIXES, ".xml") else word
            inside(root, name, where)
            stems[split].append((where, os.path.basename(name)))
    return stems
