"""Columns that tables of labels have in common, whatever they are called."""

from __future__ import annotations

import math

from zoo.files.text_files import Table

IMAGE_COLUMNS = ("image", "image", "file", "filename", "file_name", "path", "name", "img")
SPLIT_COLUMNS = ("split", "set", "subset")
LABEL_COLUMNS = ("label", "class", "category", "pose", "activity")
CORNER_COLUMNS = (
    *(("xmin", "ymin", "xmax", "ymax"), ("x0", "y0", "x1", "y1"), ("x1", "y1", "x2", "y2")),
    *(("left", "top", "right", "bottom"),),
)
_PREFIXES = ("", "box_", "bbox_", "person_")
_WORDS = {"true": 1.0, "false": 0.0}


def box_columns(table: Table) -> tuple[int, ...] | None:
    """Positions of the columns of a box's corners, left, top, right, bottom."""
    for names in CORNER_COLUMNS:
        for prefix in _PREFIXES:
            places = [table.column(prefix + name) for name in names]
            found = tuple(place for place in places if place is not None)
            if len(found) == 4:
                return found
    return None


def box_of(fields: list[str], places: tuple[int, ...]) -> tuple[float, ...] | None:
    """A box; None where its fields are empty, NaN for one that is no number."""
    if not any(fields[place] for place in places):
        return None
    values = [number_of(fields[place]) for place in places]
    return tuple(math.nan if value is None else value for value in values)


def number_of(text: str) -> float | None:
    """A number, or None for what is none; nothing at all is NaN."""
    if not text:
        return math.nan
    if text.lower() in _WORDS:
        return _WORDS[text.lower()]
    try:
        return float(text)
    except ValueError:
        return None
