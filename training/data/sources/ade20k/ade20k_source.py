"""`ade20k:FOLDER` — the class maps of the scene parsing challenge (ADEChallengeData2016)."""

from __future__ import annotations

from pathlib import Path

from training.data.sources.maps.class_map_source import ClassMapSource
from training.data.sources.maps.mask_coding import MaskCoding
from training.data.sources.reading.folder_layout import find_pairs
from training.data.sources.reading.splits import SplitRule
from zoo.errors import InputError
from zoo.files.file_names import shown
from zoo.files.text_files import read_table
from zoo.tasks.sample_schema import IGNORE

_FOLDER = "ADEChallengeData2016"
_CLASSES = 150
_TABLES = ("objectInfo150.txt", "objectInfo150.csv")


class Ade20kFolder(ClassMapSource):
    """`ade20k:FOLDER?missing=drop&…`: scenes with class maps of 150 classes.

    Images are in `images/training` and `images/validation`, maps in `annotations`. Value 0 is
    ignored, and values 1 to 150 are the classes 0 to 149, with the names of `objectInfo150.txt`
    where it exists.

    Args:
        root: `ADEChallengeData2016` or its parent.
        missing: `drop` leaves out images without a map.
        val: fraction of the images to validate on if there is only `training`.
        split, fold: how to divide them, see `SplitRule`.

    Raises:
        InputError: if there are no such folders, or the table of names cannot be read.
    """

    def __init__(
        self,
        root: str,
        missing: str = "",
        val: str = "0.2",
        split: str = "hash",
        fold: str = "",
    ):
        super().__init__(root)
        if (self.root / _FOLDER).is_dir():
            self.root = self.root / _FOLDER
        self.class_names = _class_names(self.root)
        splits = find_pairs(self, ("annotations",), SplitRule(val, split, fold), missing)
        classes = {0: IGNORE, **{value + 1: value for value in range(len(self.class_names))}}
        remedy = f"use 0 for other, and 1 to {len(self.class_names)} for the classes"
        coding = MaskCoding(self.class_names, classes, remedy=remedy)
        self.add_maps(splits, coding.decoder([path for p in splits.values() for _, path in p]))


def _class_names(root: Path) -> tuple[str, ...]:
    """Returns the class names of the table of objects, else their numbers."""
    path = next((root / name for name in _TABLES if (root / name).is_file()), None)
    if path is None:
        return tuple(str(value) for value in range(1, _CLASSES + 1))
    table = read_table(path)
    number, text = table.column("idx"), table.column("name")
    if number is None or text is None or not table.rows:
        raise InputError(f"{shown(path)}: no columns Idx and Name; restore the file.")
    rows = {fields[number]: fields[text] for _, fields in table.rows}
    values = [str(value) for value in range(1, len(rows) + 1)]
    if set(rows) != set(values) or len(rows) > IGNORE:
        raise InputError(f"{shown(path)}: Idx must count from 1; restore the file.")
    full = [rows[value] for value in values]
    first = [name.split(",")[0].split(";")[0].strip() for name in full]
    return tuple(
        short if short and first.count(short) == 1 else name
        for short, name in zip(first, full, strict=True)
    )
