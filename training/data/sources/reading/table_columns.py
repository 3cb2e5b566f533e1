"""Columns that tables of labels have in common, under their usual names."""

from __future__ import annotations

import math

from training.data.sources.reading.defects import Defect
from zoo.files.text_files import Table

IMAGE_COLUMNS = ("image", "file", "filename", "file_name", "path", "name", "img")
SPLIT_COLUMNS = ("split", "set", "subset")
LABEL_COLUMNS = ("label", "class", "category", "pose", "activity")
CORNER_COLUMNS = (
    *(("xmin", "ymin", "xmax", "ymax"), ("x0", "y0", "x1", "y1"), ("x1", "y1", "x2", "y2")),
    *(("left", "top", "right", "bottom"),),
)
_PREFIXES = ("", "box_", "bbox_", "person_")
_BOOLEANS = {"true": 1.0, "false": 0.0}


def uneven_rows(table: Table) -> list[Defect]:
    """Returns a defect for each row whose number of fields differs from the header's."""
    return [
        Defect(
            f"{count} fields, but the header has {len(table.columns)}",
            "give every column a field",
            f"line {line}",
            drop="image",
            unused="image",
        )
        for line, count in table.uneven
    ]


def box_columns(table: Table) -> tuple[int, ...] | None:
    """Returns the indices of the columns left, top, right, bottom of a box, or None."""
    for names in CORNER_COLUMNS:
        for prefix in _PREFIXES:
            columns = [table.column(prefix + name) for name in names]
            found = tuple(column for column in columns if column is not None)
            if len(found) == 4:
                return found
    return None


def parse_box(fields: list[str], columns: tuple[int, ...]) -> tuple[float, ...] | None:
    """Returns a box; None if its fields are empty, NaN for a field that is not a number."""
    if not any(fields[column] for column in columns):
        return None
    values = [parse_number(fields[column]) for column in columns]
    return tuple(math.nan if value is None else value for value in values)


def parse_number(text: str) -> float | None:
    """Returns a number: NaN for an empty text, None for a text that is not a number."""
    if not text:
        return math.nan
    if text.lower() in _BOOLEANS:
        return _BOOLEANS[text.lower()]
    try:
        return float(text)
    except ValueError:
        return None
