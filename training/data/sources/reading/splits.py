"""Splits of a data set: their names, lists of images, and a fixed validation split."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TypeVar

from training.data.sources.reading.options import read_fraction
from zoo.argument_checks import check_choice
from zoo.errors import InputError
from zoo.files.file_names import shown
from zoo.files.text_files import read_bytes

SPLIT_NAMES = {
    "train": ("train", "training"),
    "val": ("val", "valid", "validation"),
    "test": ("test", "testing"),
}
Item = TypeVar("Item")


def split_from_name(name: str) -> str:
    """Returns the split that a word such as `Valid` stands for, or an empty string."""
    word = name.lower()
    return next((split for split, names in SPLIT_NAMES.items() if word in names), "")


def split_lists(root: Path, folders: tuple[str, ...] = ("", "splits")) -> dict[str, Path]:
    """Returns the files `train.txt`, `val.txt`, … of the first folder that has any, by split."""
    for folder in folders:
        lists = {}
        for split, names in SPLIT_NAMES.items():
            paths = (root / folder / f"{name}.txt" for name in names)
            if path := next((path for path in paths if path.is_file()), None):
                lists[split] = path
        if lists:
            return lists
    return {}


def listed_names(path: Path) -> list[tuple[int, str]]:
    """Returns line number and first word of each line of a list, not necessarily UTF-8."""
    lines = enumerate(os.fsdecode(read_bytes(path)).splitlines(), 1)
    names = [(number, line.split()[0]) for number, line in lines if line.strip()]
    if not names:
        raise InputError(
            f"{shown(path)}: the list is empty; write one image per line or remove it."
        )
    return names


def validation_count(val: str, samples: int) -> int:
    """Returns the number of validation samples for a fraction `val`, from 1 to `samples` − 1."""
    return min(max(1, round(read_fraction("val", val) * samples)), samples - 1)


def split_off_validation(
    items: Sequence[Item], names: Sequence[str], val: str, how: str, file: Path
) -> dict[str, list[Item]]:
    """Splits items into `train` and `val`, always in the same way.

    `val` is the fraction to validate on, as text; `how` is `"hash"` to select by a hash of the
    names, or `"block"` for the last items. Messages name `file`.
    """
    if len(items) < 2:
        raise InputError(
            f"{shown(file)}: one image is too few; training and validation need one each."
        )
    count = validation_count(val, len(items))
    ranked = list(range(len(items)))
    if check_choice("split", how, ("hash", "block")) == "hash":
        # File names may hold bytes that are not UTF-8.
        ranked.sort(key=lambda i: hashlib.sha256(os.fsencode(names[i])).hexdigest())
    chosen = set(ranked[-count:])
    return {
        "train": [item for i, item in enumerate(items) if i not in chosen],
        "val": [item for i, item in enumerate(items) if i in chosen],
    }
