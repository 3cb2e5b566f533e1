"""Tables of boxes and of classes, with or without a header."""

from __future__ import annotations

import csv
import dataclasses
import io
import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from training.data.sources.csv_boxes.box_columns import (
    BoxColumns,
    columns_of_header,
    columns_of_rows,
)
from training.data.sources.reading.image_files import IMAGE_SUFFIXES
from training.data.sources.reading.json_files import short
from zoo.errors import InputError
from zoo.files.file_names import shown
from zoo.files.text_files import read_text

_MAX_FIELD = 1_000_000
_PROBED = 200
_SAMPLED = 5000
_EMPTY = "an empty coordinate."
_CLASS_IDS = re.compile(r"/[a-z]/")

Box = tuple[float, float, float, float]
Row = tuple[int, list[str]]
"""Line number and fields."""


@dataclasses.dataclass(slots=True)
class BoxTable:
    """A table of boxes: its file, its columns and its rows without the header."""

    path: Path
    columns: BoxColumns
    rows: list[Row]
    width: int


@dataclasses.dataclass(slots=True)
class ClassTable:
    """A table of classes.

    Attributes:
        names: class names by the text that boxes have, in the order of their indices.
        is_list: whether these are all classes of the data set; else only ids are described.
    """

    names: dict[str, str]
    is_list: bool


def read_boxes(path: Path) -> BoxTable | ClassTable | None:
    """Returns the content of a CSV file; None if it is neither of boxes nor of classes."""
    rows = _rows(path)
    if not rows:
        return None
    header = rows[0][1]
    if (columns := columns_of_header(header)) is not None:
        return BoxTable(path, columns, rows[1:], len(header))
    probed = [fields for _, fields in rows[:_PROBED]]
    if (columns := columns_of_rows(probed)) is not None:
        return BoxTable(path, columns, rows, max(map(len, probed)))
    return _class_table([fields for _, fields in rows])


def box_of(fields: Sequence[str], columns: BoxColumns) -> Box | None:
    """Returns a row's box as `xyxy`; None if its fields are empty.

    Raises:
        ValueError: if a field is not a number.
    """
    texts = [fields[index] for index in columns.box]
    if len(texts) == 1:
        texts = [part for part in re.split(r"[\s,;]+", texts[0].strip("[]() ")) if part]
        if len(texts) not in (0, 4):
            raise ValueError(f"{len(texts)} numbers in place of a box.")
    if not any(texts):
        return None
    if columns.order == "vertices":
        pairs = [pair for pair in zip(texts[::2], texts[1::2], strict=True) if any(pair)]
        x, y = [_number(pair[0]) for pair in pairs], [_number(pair[1]) for pair in pairs]
        return min(x), min(y), max(x), max(y)
    first, second, third, fourth = map(_number, texts)
    if columns.order == "xyxy":
        return first, second, third, fourth
    if columns.order == "center":
        first, second = first - third / 2, second - fourth / 2
    return first, second, first + third, second + fourth


def is_in_fractions(table: BoxTable) -> bool:
    """Returns whether the coordinates of a table are fractions: those of nearly all boxes."""
    if table.columns.fractions is not None:
        return table.columns.fractions
    largest = []
    for _, fields in table.rows[:: 1 + len(table.rows) // _SAMPLED]:
        try:
            box = box_of(fields, table.columns) if len(fields) == table.width else None
        except ValueError:
            continue
        if box is not None:
            largest.append(max(box))
    return bool(largest) and float(np.mean(np.array(largest) <= 1)) > 0.9


def _rows(path: Path) -> list[Row]:
    """Returns line number and fields of each row that is not empty."""
    text = read_text(path)
    head = text.lstrip("\r\n").split("\n", 1)[0]
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=max(",;\t", key=head.count))
    csv.field_size_limit(_MAX_FIELD)
    rows = []
    try:
        for fields in reader:
            if any(field.strip() for field in fields):
                rows.append((reader.line_num, [field.strip() for field in fields]))
    except csv.Error as error:
        raise InputError(f"{shown(path)}: line {reader.line_num}: {error}; correct it.") from error
    return rows


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError as error:
        raise ValueError(f"{short(text)!r} is not a number." if text else _EMPTY) from error


def _class_table(rows: list[list[str]]) -> ClassTable | None:
    """Returns the classes of a table of two columns: names and numbers, or ids and names."""
    if not all(len(fields) == 2 and all(fields) for fields in rows):
        return None
    body = rows[1:] if not any(map(_is_index, rows[0])) and len(rows) > 1 else rows
    for name, index in ((0, 1), (1, 0)):
        named = any(fields[name].lower().endswith(IMAGE_SUFFIXES) for fields in body)
        if not named and all(_is_index(fields[index]) for fields in body):
            ordered = sorted(body, key=lambda fields: int(fields[index]))
            names = {shown(fields[name]): shown(fields[name]) for fields in ordered}
            indices = {fields[index]: shown(fields[name]) for fields in ordered}
            return ClassTable({**indices, **names}, True)
    described = [fields for fields in rows if _CLASS_IDS.match(fields[0])]
    if len(described) < len(body):
        return None
    return ClassTable({key: shown(name) for key, name in described}, False)


def _is_index(text: str) -> bool:
    return text.isdecimal() and len(text) < 10
