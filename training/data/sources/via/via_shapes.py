"""Shapes of VGG Image Annotator's regions."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from training.data.sources.annotation_tools.drawn_shapes import (
    DrawnShape,
    ellipse,
    polygon,
    read_numbers,
    rectangle,
)
from training.data.sources.reading.json_files import as_floats, short

NO_OBJECTS = ("point", "polyline", "line")


def via_shape(shape: dict[str, Any]) -> DrawnShape:
    """Returns the shape of `shape_attributes`; raises ValueError if it is not valid."""
    kind = shape.get("name")
    if kind == "rect":
        x, y, width, height = read_numbers(shape, "x", "y", "width", "height")
        if width < 0 or height < 0:
            raise ValueError(f"a rectangle of {width:g}×{height:g}.")
        return rectangle([(x, y), (x + width, y + height)])
    if kind == "circle":
        x, y, radius = read_numbers(shape, "cx", "cy", "r")
        return ellipse(x, y, radius, radius)
    if kind == "ellipse":
        theta = read_numbers(shape, "theta")[0] if "theta" in shape else 0.0
        x, y, radius_x, radius_y = read_numbers(shape, "cx", "cy", "rx", "ry")
        return ellipse(x, y, radius_x, radius_y, math.degrees(theta))
    if kind == "polygon":
        across, down = _values(shape, "all_points_x"), _values(shape, "all_points_y")
        if len(across) != len(down):
            counts = f"{len(across)} values of all_points_x, but {len(down)} of all_points_y"
            raise ValueError(counts)
        return polygon(list(zip(across, down, strict=True)))
    raise ValueError(f"unknown shape {short(kind)}.")


def _values(shape: dict[str, Any], key: str) -> Sequence[float]:
    values = as_floats(shape.get(key))
    if values is None:
        raise ValueError(f"{key} is {short(shape.get(key))}.")
    return values
