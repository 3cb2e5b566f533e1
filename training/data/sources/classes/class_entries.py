"""Images and their classes: from one folder per class, from lists, or from a table."""

from __future__ import annotations

import dataclasses
from collections import Counter
from pathlib import Path

from training.data.sources.reading.defects import Defect
from training.data.sources.reading.folder_layout import IMAGE_FOLDERS
from training.data.sources.reading.image_files import images_below, natural_key
from training.data.sources.reading.image_lookup import ImageIndex
from training.data.sources.reading.splits import SPLIT_NAMES, split_from_name, split_lists
from training.data.sources.reading.table_columns import (
    IMAGE_COLUMNS,
    LABEL_COLUMNS,
    SPLIT_COLUMNS,
    box_columns,
    parse_box,
    uneven_rows,
)
from zoo.errors import InputError
from zoo.files.file_names import shown
from zoo.files.text_files import Table, numbered_lines, read_table


@dataclasses.dataclass(slots=True)
class Entry:
    """One image, and the file and name of its entry; for class folders, the image itself.

    The label is a class name or index, the split empty if unknown, the box `xyxy` in pixels.
    """

    image: Path
    label: str
    split: str
    file: Path
    name: str = ""
    box: tuple[float, ...] | None = None


@dataclasses.dataclass
class Entries:
    """The images of a data folder, in order, with defects of lines that cannot be read.

    `names` are the class names in the order of their folders, empty for lists and tables.
    """

    entries: list[Entry] = dataclasses.field(default_factory=list)
    names: tuple[str, ...] = ()
    has_boxes: bool = False
    defects: list[Defect] = dataclasses.field(default_factory=list)
    notes: list[str] = dataclasses.field(default_factory=list)

    def report(self, path: Path, name: str, problem: str, remedy: str) -> None:
        """Adds a defect of a line."""
        self.defects.append(
            Defect(problem, remedy, name, shown(path), drop="image", unused="image")
        )


def read_entries(root: Path) -> Entries:
    """Returns the images of a data folder with their classes."""
    tables = [read_table(path) for path in sorted(root.glob("*.[cC][sS][vV]"))]
    if any(map(_is_class_table, tables)):
        return _from_tables(root, tables)
    lists = split_lists(root)
    classified = any(
        len(line.split()) > 1 for path in lists.values() for _, line in numbered_lines(path)[:1]
    )
    return _from_lists(root, lists) if classified else _from_folders(root)


def _is_class_table(table: Table) -> bool:
    return table.column(*LABEL_COLUMNS) is not None and table.column(*IMAGE_COLUMNS) is not None


def _from_tables(root: Path, tables: list[Table]) -> Entries:
    """Reads CSV files with columns for image and class, optionally for split and box."""
    result, index = Entries(), ImageIndex(root)
    for table in tables:
        if not _is_class_table(table):
            result.notes.append(
                f"{shown(table.path.name)} has no columns image and label and was not read."
            )
            continue
        result.has_boxes |= box_columns(table) is not None
        file = shown(table.path)
        result.defects += [dataclasses.replace(d, file=file) for d in uneven_rows(table)]
        _add_rows(result, table, index)
    result.notes += index.unnamed(entry.image for entry in result.entries)
    return result


def _add_rows(result: Entries, table: Table, index: ImageIndex) -> None:
    path, box = table.path, box_columns(table)
    image, label = table.column(*IMAGE_COLUMNS) or 0, table.column(*LABEL_COLUMNS) or 0
    split = table.column(*SPLIT_COLUMNS)
    for line, fields in table.rows:
        name = f"line {line}"
        if not fields[image] or not fields[label]:
            problem = "no class" if fields[image] else "no image"
            result.report(path, name, problem, "fill it in or remove the line")
            continue
        word = fields[split] if split is not None else path.stem
        part = split_from_name(word)
        if split is not None and not part:
            problem = f"unknown split {shown(word)!r}"
            result.report(path, name, problem, f"write one of {', '.join(SPLIT_NAMES)}")
            continue
        file = index.find(fields[image], f"{shown(path)}: {name}")
        corners = parse_box(fields, box) if box else None
        result.entries.append(Entry(file, fields[label], part, path, name, corners))


def _from_lists(root: Path, lists: dict[str, Path]) -> Entries:
    """Reads lists whose lines are an image and its class."""
    result, index = Entries(), ImageIndex(root)
    for split, path in lists.items():
        for number, line in numbered_lines(path):
            words = line.rsplit(maxsplit=1)
            name = f"line {number}"
            if len(words) != 2:
                problem = f"no class after {shown(words[0])}"
                result.report(path, name, problem, "write IMAGE CLASS")
                continue
            file = index.find(words[0], f"{shown(path)}: {name}")
            result.entries.append(Entry(file, words[1], split, path, name))
    result.notes += index.unnamed(entry.image for entry in result.entries)
    return result


def _from_folders(root: Path) -> Entries:
    """Reads `train/CLASS/…` or `CLASS/…`, in the data folder or in its image folder."""
    base = next((root / name for name in IMAGE_FOLDERS if (root / name).is_dir()), root)
    splits: dict[str, list[Path]] = {}
    for folder in _folders_in(base):
        split = split_from_name(folder.name)
        if split and (classes := _folders_in(folder)):
            splits.setdefault(split, []).extend(classes)
    if not splits:
        splits = {"": _folders_in(base)}
    result, others = Entries(), Counter[str]()
    for split, folders in splits.items():
        for folder in folders:
            for image in images_below(folder, others):
                result.entries.append(Entry(image, folder.name, split, image))
    if not result.entries:
        raise InputError(
            f"{shown(root)}: layout not recognized; use one folder of images per class "
            "(train/CLASS or CLASS), lists with lines `image class` (train.txt), or a table with "
            "columns image and label."
        )
    names = {folder.name for folders in splits.values() for folder in folders}
    empty = names - {entry.label for entry in result.entries}
    result.names = tuple(sorted(names - empty, key=lambda name: natural_key(Path(name))))
    if empty:
        result.notes.append(f"folders without images: {', '.join(map(shown, sorted(empty)))}.")
    if others:
        kinds = ", ".join(f"{count} {shown(suffix)}" for suffix, count in others.most_common(5))
        result.notes.append(f"files that are not images and were not read: {kinds}.")
    return result


def _folders_in(folder: Path) -> list[Path]:
    found = [path for path in folder.iterdir() if path.is_dir() and not path.name.startswith(".")]
    return sorted(found, key=natural_key)
