"""Images and their classes: from a folder for each class, from lists, or from a table."""

from __future__ import annotations

import dataclasses
import os
from collections import Counter
from pathlib import Path

from training.data.sources.reading.folder_layout import IMAGE_FOLDERS, SPLIT_NAMES
from training.data.sources.reading.image_files import IMAGES, natural_key
from training.data.sources.reading.image_lookup import ImageIndex
from training.data.sources.reading.splits import list_files
from training.data.sources.reading.table_columns import (
    IMAGE_COLUMNS,
    LABEL_COLUMNS,
    SPLIT_COLUMNS,
    box_columns,
    box_of,
)
from zoo.errors import InputError
from zoo.files.file_names import shown
from zoo.files.text_files import Table, numbered_lines, read_table


@dataclasses.dataclass(slots=True)
class Entry:
    """One image.

    Attributes:
        image: its file.
        label: its class, a name or a number as text.
        split: `train`, `val`, `test`, or nothing where nobody says.
        file, record: where that stands; the image itself where it is in its class's folder.
        box: x0, y0, x1, y1 in pixels, where that is said too.
    """

    image: Path
    label: str
    split: str
    file: Path
    record: str = ""
    box: tuple[float, ...] | None = None


@dataclasses.dataclass
class Entries:
    """What a data folder says.

    Attributes:
        entries: in order.
        names: of the classes, in the order of their folders; empty where the entries say them.
        has_boxes: whether a table has columns for a box.
        faults: file, record, problem and remedy of what cannot be read.
        notes: what the user should know.
    """

    entries: list[Entry] = dataclasses.field(default_factory=list)
    names: tuple[str, ...] = ()
    has_boxes: bool = False
    faults: list[tuple[Path, str, str, str]] = dataclasses.field(default_factory=list)
    notes: list[str] = dataclasses.field(default_factory=list)


def read_entries(root: Path) -> Entries:
    """The images of a data folder with their classes.

    Raises:
        InputError: no layout is recognised.
    """
    for path in sorted(root.glob("*.[cC][sS][vV]")):
        table = read_table(path)
        if _is_class_table(table):
            return _from_tables(root)
    lists = {
        split: path
        for split, path in list_files(root).items()
        if len(next((line for _, line in numbered_lines(path)), "").split()) > 1
    }
    return _from_lists(root, lists) if lists else _from_folders(root)


def _is_class_table(table: Table) -> bool:
    return table.column(*LABEL_COLUMNS) is not None and table.column(*IMAGE_COLUMNS) is not None


def _split_named(word: str) -> str:
    return next((split for split, names in SPLIT_NAMES.items() if word.lower() in names), "")


def _from_tables(root: Path) -> Entries:
    """CSV files with columns for the image, the class, and perhaps the split and a box."""
    found, index = Entries(), ImageIndex(root)
    for path in sorted(root.glob("*.[cC][sS][vV]")):
        table = read_table(path)
        if not _is_class_table(table):
            found.notes.append(f"{shown(path.name)} has no columns image and label: not read")
            continue
        image, label = table.column(*IMAGE_COLUMNS), table.column(*LABEL_COLUMNS)
        split, box = table.column(*SPLIT_COLUMNS), box_columns(table)
        found.has_boxes |= box is not None
        for line, count in table.uneven:
            problem = f"{count} fields, not the {len(table.columns)} of the head"
            found.faults.append((path, f"line {line}", problem, "give every column a field"))
        for line, fields in table.rows:
            record = f"line {line}"
            name, kind = fields[image or 0], fields[label or 0]
            if not name or not kind:
                problem = "no image" if not name else "no class"
                found.faults.append((path, record, problem, "fill it in or remove the line"))
                continue
            stated = fields[split] if split is not None else path.stem
            part = _split_named(stated)
            if split is not None and not part:
                problem = f"split {shown(stated)!r} is none of {', '.join(SPLIT_NAMES)}"
                found.faults.append((path, record, problem, "write one of them"))
                continue
            file = index.find(name, f"{shown(path)}, {record}")
            corners = box_of(fields, box) if box else None
            found.entries.append(Entry(file, kind, part, path, record, corners))
    return found


def _from_lists(root: Path, lists: dict[str, Path]) -> Entries:
    """Lists whose lines are an image and its class."""
    found, index = Entries(), ImageIndex(root)
    for split, path in lists.items():
        for number, line in numbered_lines(path):
            words = line.rsplit(maxsplit=1)
            record = f"line {number}"
            if len(words) != 2:
                fault = f"no class after {shown(words[0])}"
                found.faults.append((path, record, fault, "write IMAGE CLASS"))
                continue
            file = index.find(words[0], f"{shown(path)}, {record}")
            found.entries.append(Entry(file, words[1], split, path, record))
    return found


def _from_folders(root: Path) -> Entries:
    """`train/CLASS/…` or `CLASS/…`, in the data folder or in its folder of images."""
    base = next((root / name for name in IMAGE_FOLDERS if (root / name).is_dir()), root)
    splits: dict[str, list[Path]] = {}
    for folder in _folders_in(base):
        split = _split_named(folder.name)
        if split and (classes := _folders_in(folder)):
            splits.setdefault(split, []).extend(classes)
    if not splits:
        splits = {"": _folders_in(base)}
    found, others = Entries(), Counter[str]()
    for split, folders in splits.items():
        for folder in folders:
            for image in _images_below(folder, others):
                found.entries.append(Entry(image, folder.name, split, image))
    if not found.entries:
        raise InputError(
            f"{shown(root)}: layout not recognised; expected a folder of images for each class "
            "(train/CLASS or CLASS), lists with lines `image class` (train.txt), or a table with "
            "columns image and label."
        )
    names = {folder.name for folders in splits.values() for folder in folders}
    empty = names - {entry.label for entry in found.entries}
    found.names = tuple(name for name in sorted(names, key=_order) if name not in empty)
    if empty:
        found.notes.append(f"folders without images: {', '.join(map(shown, sorted(empty)))}")
    if others:
        kinds = ", ".join(f"{count} {shown(ending)}" for ending, count in others.most_common(5))
        found.notes.append(f"files that are no images and not read: {kinds}")
    return found


def _order(name: str) -> list[tuple[int, int | str]]:
    return natural_key(Path(name))


def _folders_in(folder: Path) -> list[Path]:
    found = [path for path in folder.iterdir() if path.is_dir() and not path.name.startswith(".")]
    return sorted(found, key=natural_key)


def _images_below(folder: Path, others: Counter[str]) -> list[Path]:
    """Images in a folder and those in it; what is none is counted by ending."""
    found: list[Path] = []
    for place, folders, files in os.walk(folder):
        folders.sort()
        paths = [Path(place, name) for name in files if not name.startswith(".")]
        images = [path for path in paths if path.suffix.lower() in IMAGES]
        others.update(p.suffix or p.name for p in paths if p.suffix.lower() not in IMAGES)
        found += sorted(images, key=natural_key)
    return found
