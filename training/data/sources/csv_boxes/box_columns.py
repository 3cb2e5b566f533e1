"""Columns of tables of boxes, recognized by their names or, without a header, by their values."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Sequence

from training.data.sources.reading.image_files import IMAGE_SUFFIXES

IMAGE = (
    *("image", "imageid", "imagename", "imagepath", "imagefile", "imagefilename", "filename"),
    *("file", "filepath", "path", "img", "imgname", "imgpath", "imgfile", "imgid", "imageurl"),
    *("url", "name", "frame", "photo"),
)
LABEL = (
    *("class", "classname", "label", "labelname", "category", "categoryname", "classlabel"),
    *("object", "objectclass", "species", "type", "name", "classid", "categoryid", "labelid"),
)
SPLIT = ("split", "set", "subset", "mluse", "usage", "partition")
CROWD = ("isgroupof", "iscrowd", "crowd")
DIFFICULT = ("difficult", "isdifficult")
WIDTH = ("imagewidth", "imgwidth", "width", "w", "imgw", "imagew")
HEIGHT = ("imageheight", "imgheight", "height", "h", "imgh", "imageh")
_BOXES = (
    ("xyxy", ("xmin", "ymin", "xmax", "ymax")),
    ("xyxy", ("x1", "y1", "x2", "y2")),
    ("xyxy", ("x0", "y0", "x1", "y1")),
    ("xyxy", ("left", "top", "right", "bottom")),
    ("xyxy", ("minx", "miny", "maxx", "maxy")),
    ("xyxy", ("xtl", "ytl", "xbr", "ybr")),
    ("xyxy", ("topleftx", "toplefty", "bottomrightx", "bottomrighty")),
    ("xyxy", ("startx", "starty", "endx", "endy")),
    ("center", ("xcenter", "ycenter", "w", "h")),
    ("center", ("xcenter", "ycenter", "width", "height")),
    ("center", ("centerx", "centery", "w", "h")),
    ("center", ("centerx", "centery", "width", "height")),
    ("center", ("cx", "cy", "w", "h")),
    ("center", ("cx", "cy", "width", "height")),
    ("center", ("xc", "yc", "w", "h")),
    ("center", ("xc", "yc", "width", "height")),
    ("xywh", ("x", "y", "w", "h")),
    ("xywh", ("x", "y", "width", "height")),
    ("xywh", ("left", "top", "width", "height")),
    ("xywh", ("xmin", "ymin", "w", "h")),
    ("xywh", ("xmin", "ymin", "width", "height")),
)
_PREFIXES = ("", "bbox", "box", "bndbox", "boundingbox", "bb", "rect", "roi", "region", "object")
_LISTS = ("bbox", "box", "boundingbox", "bndbox")
_SETS = ("train", "training", "validate", "validation", "test", "unassigned")


@dataclasses.dataclass(frozen=True)
class BoxColumns:
    """Indices of the columns of a table of boxes; None for a column that it does not have.

    Attributes:
        image: image name.
        box: four numbers, one column with all four, or vertices x, y, x, y, ….
        order: `xyxy`, `xywh` (from the top left corner), `center` (width and height around a
            center), or `vertices`.
        label: class name.
        split: name of a split.
        crowd: whether the box is around a group.
        difficult: whether the object is difficult.
        width, height: size of the image.
        fractions: whether coordinates are fractions of the image's sides; None if unknown.
    """

    image: int
    box: tuple[int, ...]
    order: str = "xyxy"
    label: int | None = None
    split: int | None = None
    crowd: int | None = None
    difficult: int | None = None
    width: int | None = None
    height: int | None = None
    fractions: bool | None = None


def columns_of_header(header: Sequence[str]) -> BoxColumns | None:
    """Returns the columns that a header names; None if it names no image or no box."""
    places: dict[str, int] = {}
    for index, name in enumerate(header):
        places.setdefault(re.sub(r"[^a-z0-9]", "", name.lower()), index)

    def place(names: Sequence[str], *used: int | None) -> int | None:
        found = (places[name] for name in names if name in places)
        return next((index for index in found if index not in used), None)

    order, box = _named_box(places)
    image = place(IMAGE, *box)
    if image is None or not box:
        return None
    return BoxColumns(
        image,
        box,
        order,
        place(LABEL, image, *box),
        place(SPLIT),
        place(CROWD),
        place(DIFFICULT),
        place(WIDTH, *box),
        place(HEIGHT, *box),
    )


def columns_of_rows(rows: Sequence[Sequence[str]]) -> BoxColumns | None:
    """Returns the columns of a table without a header, from its values; None if it has no boxes.

    Known are AutoML's order (set, image, class, vertices), and image, x1, y1, x2, y2, class of
    keras-retinanet; also image, class, x1, …; both also with the image's width and height; and
    class, x, y, width, height, image, … of makesense.ai.
    """
    count = max(map(len, rows), default=0)
    if count >= 10:
        shift = int(all(row[0].lower() in _SETS for row in rows))
        if count - shift == 10 or (shift and count == 11):
            box = tuple(range(shift + 2, shift + 10))
            split = 0 if shift else None
            return BoxColumns(shift, box, "vertices", shift + 1, split, fractions=True)
    full = [row for row in rows if len(row) == count and any(row[1:])]
    if not 5 <= count <= 8 or not full:
        return None
    kinds = "".join(
        "n" if sum(_is_number(row[column]) for row in full) > 0.5 * len(full) else "t"
        for column in range(count)
    )
    for pattern, columns in _PATTERNS.items():
        if re.fullmatch(pattern, kinds):
            named = sum(_names_image(row[columns.image]) for row in full)
            if named > 0.5 * len(full):
                return columns
    return None


_PATTERNS = {
    "tnnnn": BoxColumns(0, (1, 2, 3, 4)),
    "tnnnn[tn]": BoxColumns(0, (1, 2, 3, 4), "xyxy", 5),
    "ttnnnn": BoxColumns(0, (2, 3, 4, 5), "xyxy", 1),
    "tnnnn[tn]nn": BoxColumns(0, (1, 2, 3, 4), "xyxy", 5, width=6, height=7),
    "tnntnnnn": BoxColumns(0, (4, 5, 6, 7), "xyxy", 3, width=1, height=2),
    "[tn]nnnntnn": BoxColumns(5, (1, 2, 3, 4), "xywh", 0, width=6, height=7),
}
"""Orders of the columns by which are numbers (n) and texts (t)."""


def _named_box(places: dict[str, int]) -> tuple[str, tuple[int, ...]]:
    for order, names in _BOXES:
        for prefix in _PREFIXES:
            found = [places.get(prefix + name) for name in names]
            indices = tuple(index for index in found if index is not None)
            if len(indices) == 4:
                return order, indices
    lists = (places[name] for name in _LISTS if name in places)
    column = next(lists, None)
    return "xywh", () if column is None else (column,)


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _names_image(text: str) -> bool:
    return text.lower().endswith(IMAGE_SUFFIXES)
