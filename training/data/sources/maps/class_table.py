"""Roboflow's table of the value and the name of each class of masks."""

from __future__ import annotations

import os
from pathlib import Path

from training.data.sources.reading.label_pairs import CLASS_TABLE
from training.data.sources.reading.splits import SPLIT_NAMES
from zoo.errors import InputError
from zoo.files.file_names import shown
from zoo.files.text_files import numbered_lines


def read_class_table(root: Path) -> dict[int, str]:
    """Returns the class names by mask value of `_classes.csv`; empty without such a file.

    The file is in the data folder or in the folders of its splits, which must agree.

    Raises:
        InputError: if a line is not `value,name`, or a value, a name or another file differs.
    """
    folders = ("", *(name for names in SPLIT_NAMES.values() for name in names))
    found: dict[int, str] = {}
    first: Path | None = None
    for path in (root / folder / CLASS_TABLE for folder in folders):
        if not os.path.isfile(path):
            continue
        classes = _read(path)
        if first and classes != found:
            raise InputError(
                f"{shown(path)}: its classes differ from those of {shown(first)}; name them with "
                "classes=…."
            )
        first, found = first or path, classes
    return found


def _read(path: Path) -> dict[int, str]:
    classes: dict[int, str] = {}
    for number, line in numbered_lines(path):
        value, _, name = (part.strip().strip('"') for part in line.partition(","))
        if number == 1 and not value.isdecimal():
            continue
        if not value.isdecimal() or not name or int(value) in classes or name in classes.values():
            raise InputError(
                f"{shown(path)}: line {number}: {shown(line[:80])!r} is no value and name, or "
                "repeats one; write value,name once per class."
            )
        classes[int(value)] = name
    return classes
