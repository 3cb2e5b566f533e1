"""Shapes that annotation tools draw, as boxes, polygons and run lengths."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from training.data.sources.objects.annotations import Annotation
from training.data.sources.objects.object_checks import MAX_COORDINATE
from training.data.sources.reading.image_headers import MAX_PIXELS
from training.data.sources.reading.json_files import as_floats, short

Points = Sequence[tuple[float, float]]
_CIRCLE_POINTS = 72
"""Vertices of an ellipse; its polygon covers 99.9 % of it."""


@dataclasses.dataclass(slots=True)
class DrawnShape:
    """A shape in pixels: its box `xyxy`, and its outline or mask if it has one."""

    box: tuple[float, float, float, float]
    polygons: list[list[float]] = dataclasses.field(default_factory=list)
    run_lengths: Sequence[int] = ()

    def annotation(self, label: int, name: str) -> Annotation:
        """Returns the shape as an object."""
        return Annotation(
            self.box, label, name, polygons=self.polygons, run_lengths=self.run_lengths
        )


def read_points(value: Any) -> list[tuple[float, float]]:
    """Returns the points of a list of pairs x, y; raises ValueError for any other value."""
    if not isinstance(value, list):
        raise ValueError(f"points {short(value)}.")
    points = []
    for pair in value:
        numbers = as_floats(pair, 2)
        if numbers is None:
            raise ValueError(f"point {short(pair)}.")
        points.append((numbers[0], numbers[1]))
    return points


def box_of_points(value: Any) -> DrawnShape | None:
    """Returns the box around a list of points; None if it holds other values or has no area."""
    try:
        box = _box_around(read_points(value))
    except ValueError:
        return None
    return DrawnShape(box) if box[0] < box[2] and box[1] < box[3] else None


def read_numbers(values: dict[str, Any], *keys: str) -> list[float]:
    """Returns the numbers under some keys; raises ValueError if one is missing or not a number."""
    numbers = []
    for key in keys:
        number = as_floats([values.get(key)], 1)
        if number is None or isinstance(values[key], bool):
            found = short(values[key]) if key in values else "missing"
            raise ValueError(f"{key} is {found}.")
        numbers.append(number[0])
    return numbers


def rectangle(points: Points) -> DrawnShape:
    """Returns the box around two opposite or four corners, in any order."""
    if len(points) not in (2, 4):
        raise ValueError(f"a rectangle of {_count(points)}.")
    return DrawnShape(_box_around(points))


def polygon(points: Points) -> DrawnShape:
    """Returns the area inside a closed outline."""
    if len(points) < 3:
        raise ValueError(f"a polygon of {_count(points)}.")
    return DrawnShape(_box_around(points), [[value for point in points for value in point]])


def rotated_rectangle(
    x: float, y: float, width: float, height: float, degrees: float
) -> DrawnShape:
    """Returns a rectangle turned clockwise around its corner x, y."""
    if width < 0 or height < 0:
        raise ValueError(f"a rectangle of {width:g}×{height:g}.")
    cosine, sine = _direction(degrees)
    corners = [
        (x + cosine * right - sine * down, y + sine * right + cosine * down)
        for right, down in ((0, 0), (width, 0), (width, height), (0, height))
    ]
    return rectangle(corners) if 0.0 in (cosine, sine) else polygon(corners)


def ellipse(x: float, y: float, radius_x: float, radius_y: float, degrees: float = 0) -> DrawnShape:
    """Returns an ellipse around x, y, turned clockwise."""
    if not (radius_x > 0 and radius_y > 0):
        raise ValueError(f"an ellipse with radii {radius_x:g} and {radius_y:g}.")
    cosine, sine = _direction(degrees)
    half_width = math.hypot(radius_x * cosine, radius_y * sine)
    half_height = math.hypot(radius_x * sine, radius_y * cosine)
    outline: list[float] = []
    for index in range(_CIRCLE_POINTS):
        angle = 2 * math.pi * index / _CIRCLE_POINTS
        right, down = radius_x * math.cos(angle), radius_y * math.sin(angle)
        outline += (x + cosine * right - sine * down, y + sine * right + cosine * down)
    corners = ((x - half_width, y - half_height), (x + half_width, y + half_height))
    return DrawnShape(_box_around(corners), [outline])


def polygon_with_holes(
    points: Points, holes: Sequence[Points], height: int, width: int
) -> DrawnShape:
    """Returns the area inside an outline and outside of its holes, in an image of this size.

    Polygons of an object are united, so that holes need run lengths.
    """
    outer = polygon(points)
    if not holes:
        return outer
    _check_size(height, width)
    left, top, right, bottom = outer.box
    x, y = max(math.floor(left), 0), max(math.floor(top), 0)
    columns, rows = min(math.ceil(right), width) - x, min(math.ceil(bottom), height) - y
    if columns <= 0 or rows <= 0:
        raise ValueError("a polygon outside the image.")
    mask = _filled(points, x, y, rows, columns)
    for hole in holes:
        polygon(hole)
        mask &= ~_filled(hole, x, y, rows, columns)
    if not mask.any():
        raise ValueError("a polygon whose holes leave nothing.")
    return DrawnShape(outer.box, run_lengths=run_lengths_at(mask, x, y, height, width))


def mask_shape(mask: np.ndarray, x: int, y: int, height: int, width: int) -> DrawnShape:
    """Returns the object of an (h, w) bool mask whose top left pixel is x, y of an image."""
    _check_size(height, width)
    if not (abs(x) <= MAX_COORDINATE and abs(y) <= MAX_COORDINATE):
        raise ValueError(f"a mask at {x}, {y}.")
    mask = mask[max(-y, 0) : max(height - y, 0), max(-x, 0) : max(width - x, 0)]
    x, y = max(x, 0), max(y, 0)
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    if not rows.size:
        raise ValueError("a mask without pixels in the image.")
    left, right = x + float(columns[0]), x + float(columns[-1]) + 1
    top, bottom = y + float(rows[0]), y + float(rows[-1]) + 1
    runs = run_lengths_at(mask, x, y, height, width)
    return DrawnShape((left, top, right, bottom), run_lengths=runs)


def run_lengths_at(mask: np.ndarray, x: int, y: int, height: int, width: int) -> list[int]:
    """Returns the run lengths of an image that is 0 except for a mask inside it at x, y."""
    rows, columns = mask.shape
    edges = np.zeros((columns, rows + 2), np.int8)
    edges[:, 1:-1] = mask.T
    changes = np.diff(edges, axis=1)
    column, row = np.nonzero(changes)
    positions = (x + column).astype(np.int64) * height + y + row
    # Runs that touch from one column to the next become one.
    same = np.flatnonzero(positions[1:] == positions[:-1])
    positions = np.delete(positions, np.concatenate([same, same + 1]))
    return np.diff(np.concatenate([[0], positions, [height * width]])).tolist()


def merged(shapes: Sequence[DrawnShape]) -> DrawnShape:
    """Returns the union of the parts of an object; their run lengths are of one image."""
    if len(shapes) == 1:
        return shapes[0]
    boxes = np.array([shape.box for shape in shapes])
    x0, y0 = boxes[:, :2].min(axis=0).tolist()
    x1, y1 = boxes[:, 2:].max(axis=0).tolist()
    polygons = [polygon for shape in shapes for polygon in shape.polygons]
    runs: Sequence[int] = ()
    for shape in shapes:
        if len(shape.run_lengths):
            runs = _united(runs, shape.run_lengths) if len(runs) else shape.run_lengths
    return DrawnShape((x0, y0, x1, y1), polygons, runs)


def _united(first: Sequence[int], second: Sequence[int]) -> list[int]:
    """Returns the run lengths of the union of two masks of one size."""
    ends = [np.cumsum(np.asarray(runs, np.int64)) for runs in (first, second)]
    limits = np.unique(np.concatenate([[0], *ends]))
    starts = limits[:-1]
    inside = np.zeros(starts.size, bool)
    for end in ends:
        inside |= np.searchsorted(end, starts, side="right") % 2 == 1
    changes = np.flatnonzero(np.diff(np.concatenate([[False], inside])))
    return np.diff(np.concatenate([[0], starts[changes], limits[-1:]])).tolist()


def _filled(points: Points, x: int, y: int, rows: int, columns: int) -> np.ndarray:
    """Returns which pixel centers of a window at x, y are inside an outline, (rows, columns)."""
    start = np.array(points, np.float64) - (x, y)
    end = np.roll(start, -1, axis=0)
    low, high = np.minimum(start[:, 1], end[:, 1]), np.maximum(start[:, 1], end[:, 1])
    first = np.clip(np.ceil(low - 0.5), 0, rows).astype(np.int64)
    last = np.clip(np.ceil(high - 0.5), 0, rows).astype(np.int64)
    edge = np.repeat(np.arange(len(start)), last - first)
    row = np.arange(edge.size) - np.repeat(np.cumsum(last - first) - (last - first), last - first)
    row += first[edge]
    slope = (end[edge, 0] - start[edge, 0]) / (end[edge, 1] - start[edge, 1])
    cut = start[edge, 0] + slope * (row + 0.5 - start[edge, 1])
    column = np.clip(np.ceil(cut - 0.5), 0, columns).astype(np.int64)
    # Only whether a count is odd matters, so that bytes may overflow.
    toggles = np.zeros((rows, columns + 1), np.uint8)
    np.add.at(toggles, (row, column), 1)
    return np.cumsum(toggles, axis=1, dtype=np.uint8)[:, :-1] % 2 == 1


def _box_around(points: Points) -> tuple[float, float, float, float]:
    values = [value for point in points for value in point]
    for value in values:
        if not abs(value) <= MAX_COORDINATE:
            raise ValueError(f"coordinate {value:g}.")
    return min(values[::2]), min(values[1::2]), max(values[::2]), max(values[1::2])


def _check_size(height: int, width: int) -> None:
    if not (height > 0 and width > 0):
        raise ValueError("a mask, but no width and height of the image.")
    if height * width > MAX_PIXELS:
        raise ValueError(f"a mask of an image of {width}×{height} pixels.")


def _direction(degrees: float) -> tuple[float, float]:
    """Returns cosine and sine, exact for quarter turns up to a hundredth of a degree."""
    if not math.isfinite(degrees):
        raise ValueError(f"rotation {degrees:g}.")
    quarters = round(degrees / 90)
    if abs(degrees - 90 * quarters) < 0.01:
        return ((1.0, 0.0), (0.0, 1.0), (-1.0, 0.0), (0.0, -1.0))[quarters % 4]
    return math.cos(math.radians(degrees)), math.sin(math.radians(degrees))


def _count(points: Points) -> str:
    return f"{len(points)} point{'s' * (len(points) != 1)}"
