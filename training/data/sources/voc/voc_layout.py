"""Recognising where a data set in Pascal VOC's form keeps its XML files and lists."""

from __future__ import annotations

import os
from pathlib import Path

from training.data.sources.reading.folder_layout import SPLIT_NAMES
from training.data.sources.reading.image_files import IMAGES, natural_key
from training.data.sources.reading.splits import list_files, listed_names
from zoo.errors import InputError
from zoo.files.file_names import inside, shown

XML_FOLDERS = ("Annotations", "annotations", "annotations/xmls", "xmls", "labels", "label")

Names = dict[str, list[tuple[str, str]]]
"""By split: where an image was named (empty for a found one) and its stem."""


def find_root(root: Path) -> Path:
    """The folder with the data: the given one, or the only `VOC…` below it.

    Raises:
        InputError: there are several.
    """
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
        raise InputError(f"{shown(root)}: several data sets are there; give one of {names}.")
    return below[0] if below else root


def xml_folder(root: Path) -> Path | None:
    """The folder of annotation files."""
    folders = (root / name for name in XML_FOLDERS)
    return next((folder for folder in folders if folder.is_dir() and xml_stems(folder)), None)


def xml_stems(folder: Path) -> list[str]:
    """Stems of the XML files of a folder, numbers in the names in numerical order."""
    with os.scandir(folder) as entries:
        paths = [Path(entry.name) for entry in entries if entry.name.lower().endswith(".xml")]
    return [path.stem for path in sorted(paths, key=natural_key) if path.name[0] != "."]


def split_folders(root: Path) -> dict[str, Path]:
    """Folders named after splits in which XML files lie beside the images."""
    return {
        split: root / name
        for split, names in SPLIT_NAMES.items()
        for name in names
        if (root / name).is_dir() and xml_stems(root / name)
    }


def listed(root: Path, task: str) -> Names:
    """Stems by split from `ImageSets/Main/train.txt` or the like; empty where there is no list.

    Raises:
        InputError: a list cannot be read or names something outside of the folder.
    """
    found: Names = {}
    for split, path in list_files(root, (f"ImageSets/{task}", "ImageSets", "", "splits")).items():
        found[split] = []
        for number, word in listed_names(path):
            where = f"{shown(path)}, line {number}"
            stem, ending = os.path.splitext(word)
            name = stem if ending.lower() in (*IMAGES, ".xml") else word
            inside(root, name, where)
            found[split].append((where, os.path.basename(name)))
    return found
