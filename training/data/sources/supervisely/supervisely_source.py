"""`supervisely:FOLDER` — projects of Supervisely: meta.json, and a JSON file for each image."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from training.data.sources.annotation_tools.drawn_shapes import (
    DrawnShape,
    box_of_points,
    mask_shape,
    polygon_with_holes,
    read_points,
    rectangle,
)
from training.data.sources.annotation_tools.label_files import files_below, split_of_folder
from training.data.sources.annotation_tools.png_masks import read_png_mask
from training.data.sources.annotation_tools.tool_source import ToolSource
from training.data.sources.objects.annotations import AnnotatedImage
from training.data.sources.objects.instance_maps import MASK_SIZE
from training.data.sources.reading.image_files import IMAGE_SUFFIXES
from training.data.sources.reading.json_files import (
    JsonObject,
    as_floats,
    as_pixels,
    read_json,
    short,
)
from training.data.sources.reading.splits import SplitRule, split_from_name
from zoo.errors import InputError
from zoo.files.file_names import shown

_META = "meta.json"
_ANNOTATIONS = "ann"
_IMAGES = "img"
_NO_OBJECTS = ("point", "line", "polyline", "graph", "cuboid", "cuboid_2d")
_REMEDY = "draw it again or remove it"


class SuperviselyFolder(ToolSource):
    """`supervisely:FOLDER?classes=…&…`: a project of Supervisely.

    A project holds `meta.json`, and for each of its data sets `img` with images and `ann` with one
    JSON file each, `NAME.jpg.json`. Data sets named `train`, `val` and `test` are splits, else
    tags of these names on the images. Polygons, with holes, and bitmaps have an outline, rectangles
    a box only; points, lines and graphs are no objects.

    Args:
        root: the project's folder.
        classes: class names to use, separated by commas, in the order of their class indices; by
            default all of `meta.json`. Objects of other classes are left out.
        val: fraction of the images to validate on if neither data sets nor tags name a split.
        split: `hash`, `block`, `stratified`, or `group:PATTERN`; see `SplitRule`.
        fold: `K/N` to validate on the K-th of N parts instead of a fraction.
        drop_bad: `1` to drop objects and images with defects.
        mask_size: cells along each side of a mask, if there are outlines.

    Raises:
        InputError: if there are no annotations of Supervisely.
    """

    def __init__(
        self,
        root: str,
        classes: str = "",
        val: str = "0.2",
        split: str = "hash",
        fold: str = "",
        drop_bad: str = "",
        mask_size: str = str(MASK_SIZE),
    ):
        super().__init__(root, drop_bad, mask_size)
        self.read(classes, SplitRule(val, split, fold))

    def read_files(self) -> None:
        self._read_meta()
        found = False
        for path in files_below(self.root, (".json",)):
            if path.parent.name != _ANNOTATIONS:
                continue
            found = True
            split = split_of_folder(self.root, path.parent)
            try:
                content = read_json(path)
            except InputError as error:
                self.file_defect(path, split, error)
                continue
            self._read_image(path, split, content)
        if not found:
            raise InputError(
                f"{shown(self.root)}: no annotations of Supervisely; they must be in "
                f"DATASET/{_ANNOTATIONS} beside DATASET/{_IMAGES}."
            )

    def _read_meta(self) -> None:
        """Reads the class names of the project, and removes names that are not text."""
        path = self.root / _META
        if not os.path.isfile(path):
            self.notes.append(f"no {_META}: the classes are in alphabetical order.")
            return
        content = read_json(path)
        classes = content.get("classes") if isinstance(content, dict) else None
        if not isinstance(classes, list):
            problem = f"classes must be a list, not {short(classes)}"
            self.part_defect(path, "", "", problem, "export the project again")
            return
        for number, entry in enumerate(classes, 1):
            title = entry.get("title") if isinstance(entry, dict) else None
            if isinstance(title, str) and title.strip():
                shape = entry.get("shape")
                if shape not in _NO_OBJECTS:
                    self.listed_names.setdefault(shown(title.strip()))
            else:
                problem = f"{short(entry)} has no title"
                self.part_defect(path, "", f"class {number}", problem, "name the class")

    def _read_image(self, path: Path, split: str, content: Any) -> None:
        objects = content.get("objects") if isinstance(content, dict) else None
        if not isinstance(objects, list):
            remedy = "export the image again or remove it"
            self.image_defect(path, split, "", "no list of objects", remedy)
            return
        size = content.get("size")
        sides = [size.get(key) if isinstance(size, dict) else None for key in ("width", "height")]
        width, height = map(as_pixels, sides)
        if not (width and height):
            problem = f"size {short(sides[0])} × {short(sides[1])}"
            self.part_defect(path, split, "", problem, "write width and height in pixels")
            width = height = 0
        split = split or _split_of_tags(content.get("tags"))
        try:
            file = self._file(path)
        except InputError as error:
            self.file_defect(path, split, error)
            return
        image = self.add_image(split, AnnotatedImage(file, path, "", width, height))
        if image is None:
            return
        for number, entry in enumerate(objects, 1):
            self._add_object(image, split, f"object {number}", entry)

    def _file(self, path: Path) -> Path:
        """Returns the image of an annotation file `NAME.jpg.json`, or `NAME.json` in old ones."""
        folder = path.parent.parent / _IMAGES
        names = [path.stem]
        if Path(path.stem).suffix.lower() not in IMAGE_SUFFIXES:
            names += [f"{path.stem}{suffix}" for suffix in IMAGE_SUFFIXES]
        files = (self.find_image(name, folder) for name in names)
        return next((file for file in files if os.path.isfile(file)), folder / names[0])

    def _add_object(self, image: AnnotatedImage, split: str, record: str, entry: Any) -> None:
        if not isinstance(entry, dict):
            problem = f"{short(entry)} is not an object"
            self.object_defect(image, split, record, problem, _REMEDY)
            return
        kind = entry.get("geometryType")
        if kind in _NO_OBJECTS:
            self.note(f"objects are of the shape {kind}, which has no box")
            return
        points = entry.get("points")
        exterior = points.get("exterior") if isinstance(points, dict) else None
        try:
            shape = self._shape(entry, exterior, image)
        except ValueError as error:
            self.object_defect(image, split, record, str(error), _REMEDY)
            if region := box_of_points(exterior):
                self.add_region(image, record, region)
            return
        self.add_object(image, split, record, entry.get("classTitle"), shape)

    def _shape(self, entry: JsonObject, exterior: Any, image: AnnotatedImage) -> DrawnShape:
        """Returns the shape of an object; raises ValueError if it is not valid."""
        kind = entry.get("geometryType")
        if kind is None:  # files before 2019
            is_box = isinstance(exterior, list) and len(exterior) == 2
            kind = "bitmap" if entry.get("bitmap") else "rectangle" if is_box else "polygon"
        if kind == "rectangle":
            return rectangle(read_points(exterior))
        if kind in ("bitmap", "alpha_mask"):
            return _bitmap(entry.get(kind, entry.get("bitmap")), *self.size_of_image(image))
        if kind == "polygon":
            points = read_points(exterior)
            interior = entry["points"].get("interior")
            if interior is not None and not isinstance(interior, list):
                raise ValueError(f"interior {short(interior)}.")
            holes = [read_points(hole) for hole in interior or ()]
            size = self.size_of_image(image) if holes else (0, 0)
            return polygon_with_holes(points, holes, *size)
        raise ValueError(f"unknown geometryType {short(kind)}.")


def _bitmap(bitmap: Any, height: int, width: int) -> DrawnShape:
    """Returns the mask of a bitmap, whose origin is its top left pixel in the image."""
    origin = as_floats(bitmap.get("origin"), 2) if isinstance(bitmap, dict) else None
    if origin is None or not all(abs(value) < 2**31 for value in origin):
        raise ValueError(f"bitmap {short(bitmap)}.")
    mask = read_png_mask(bitmap.get("data"), compressed=True)
    return mask_shape(mask, round(origin[0]), round(origin[1]), height, width)


def _split_of_tags(tags: Any) -> str:
    """Returns the split that a tag of an image stands for, or an empty string."""
    items = tags if isinstance(tags, list) else []
    names = [tag.get("name") for tag in items if isinstance(tag, dict)]
    splits = (split_from_name(name) for name in names if isinstance(name, str))
    return next((split for split in splits if split), "")
