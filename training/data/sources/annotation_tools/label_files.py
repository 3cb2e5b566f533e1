"""Label files below a data folder, and the splits that folders and file names stand for."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

from training.data.sources.reading.image_files import natural_key
from training.data.sources.reading.splits import split_from_name

_OTHER_WORDS = (
    *("annotation", "annotations", "ann", "anns", "label", "labels", "json", "csv", "image"),
    *("images", "img", "imgs", "data", "set", "split", "bbox", "boxes", "via", "region", "labelme"),
)
"""Words that may stand beside a split in the name of its folder."""


def files_below(root: Path, suffixes: tuple[str, ...]) -> Iterator[Path]:
    """Yields the files with these suffixes in a folder and its sub-folders, linked ones too."""
    seen: set[str] = set()
    for parent, folders, files in os.walk(root, followlinks=True):
        real = os.path.realpath(parent)
        if real in seen:
            folders.clear()
            continue
        seen.add(real)
        folders[:] = sorted(name for name in folders if not name.startswith((".", "__")))
        paths = [Path(parent, name) for name in files if not name.startswith(".")]
        yield from sorted((p for p in paths if p.suffix.lower() in suffixes), key=natural_key)


def split_of_folder(root: Path, folder: Path) -> str:
    """Returns the split that a folder below the root stands for, or an empty string."""
    for name in folder.relative_to(root).parts:
        words = re.findall(r"[a-z]+", name.lower())
        splits = [split for word in words if (split := split_from_name(word))]
        if splits and all(split_from_name(word) or word in _OTHER_WORDS for word in words):
            return splits[0]
    return ""


def split_of_file(root: Path, path: Path) -> str:
    """Returns the split that is a word of a file's name, else that of its folder."""
    for word in re.findall(r"[a-z]+", path.stem.lower()):
        if split := split_from_name(word):
            return split
    return split_of_folder(root, path.parent)
