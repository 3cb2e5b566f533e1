"""Class maps drawn from Cityscapes' polygons."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageDraw

from training.data.sources.cityscapes.cityscapes_labels import (
    OTHER_LABELS,
    TRAINED_IDS,
    UNDRAWN,
    class_of_label,
)
from training.data.sources.reading.image_headers import MAX_PIXELS
from training.data.sources.reading.json_files import as_floats, list_under, read_json, short
from zoo.errors import InputError, nearest
from zoo.files.file_names import shown
from zoo.tasks.sample_schema import IGNORE


def draw_polygons(path: str | Path) -> np.ndarray:
    """Returns the (H, W) int32 class map of a `…_polygons.json`; later polygons are in front.

    Pixels of an outline belong to its polygon, as in the maps that come with the data set.
    """
    path = Path(path)
    data = read_json(path)
    objects = list_under(data, "objects", path)
    height, width = (_side(data.get(key), key, path) for key in ("imgHeight", "imgWidth"))
    if height * width > MAX_PIXELS:
        raise InputError(f"{shown(path)}: more than {MAX_PIXELS} pixels; correct the size.")
    image = Image.new("L", (width, height), IGNORE)
    draw = ImageDraw.Draw(image)
    for number, item in enumerate(objects, 1):
        where = f"{shown(path)}: object {number}"
        if not isinstance(item, dict) or not isinstance(item.get("label"), str):
            raise InputError(f"{where}: no label in {short(item)}; add one, or remove the object.")
        label = item["label"]
        index = class_of_label(label)
        if index is None:
            hint = nearest(label, (*TRAINED_IDS, *OTHER_LABELS))
            raise InputError(f"{where}: unknown label {shown(label)!r}{hint}")
        if label == UNDRAWN or item.get("deleted"):
            continue
        draw.polygon(_points(item.get("polygon"), where), fill=index)
    return np.asarray(image, np.int32)


def _side(value: Any, key: str, path: Path) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise InputError(f"{shown(path)}: {key} must be a number of pixels, not {short(value)}.")
    return value


def _points(polygon: Any, where: str) -> list[tuple[float, float]]:
    points = [as_floats(point, 2) for point in polygon] if isinstance(polygon, list) else []
    if len(points) < 3 or not all(points):
        raise InputError(f"{where}: polygon must have three or more points x, y; correct it.")
    return [(point[0], point[1]) for point in points if point]
