"""`labelme:FOLDER` — labelme's JSON files, one for each image."""

from __future__ import annotations

import math
import os
from pathlib import Path
from typing import Any

from training.data.sources.annotation_tools.drawn_shapes import (
    DrawnShape,
    box_of_points,
    ellipse,
    mask_shape,
    merged,
    polygon,
    read_points,
    rectangle,
)
from training.data.sources.annotation_tools.label_files import files_below, split_of_folder
from training.data.sources.annotation_tools.png_masks import read_png_mask
from training.data.sources.annotation_tools.tool_source import ToolSource
from training.data.sources.objects.annotations import AnnotatedImage
from training.data.sources.objects.instance_maps import MASK_SIZE
from training.data.sources.reading.image_files import IMAGE_SUFFIXES
from training.data.sources.reading.json_files import JsonObject, as_pixels, read_json, short
from training.data.sources.reading.splits import SplitRule
from zoo.errors import InputError
from zoo.files.file_names import shown
from zoo.files.text_files import numbered_lines

_KEYS = ("shapes", "imagePath", "imageData", "imageHeight", "imageWidth", "flags", "version")
_NO_OBJECTS = ("point", "points", "line", "linestrip")
_IGNORED = "__ignore__"
_BACKGROUND = "_background_"


class LabelmeFolder(ToolSource):
    """`labelme:FOLDER?classes=…&…`: images with one JSON file each, of labelme.

    JSON files are searched in the folder and below it, images beside them or in another folder;
    folders named `train`, `val` and `test` are splits. Polygons, circles and masks have an outline,
    rectangles a box only. Shapes of one label and one `group_id` are one object; points and lines
    are no objects. A shape `__ignore__` is a region that training and metrics ignore.

    Args:
        root: the data folder; `labels.txt` in it, if any, has the order of the classes.
        classes: class names to use, separated by commas, in the order of their class indices; by
            default all, in alphabetical order. Objects of other classes are left out.
        val: fraction of the images to validate on if neither lists nor folders name a split.
        split: `hash`, `block`, `stratified`, or `group:PATTERN`; see `SplitRule`.
        fold: `K/N` to validate on the K-th of N parts instead of a fraction.
        drop_bad: `1` to drop objects and images with defects.
        mask_size: cells along each side of a mask, if there are outlines.

    Raises:
        InputError: if there are no files of labelme.
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
        labels = self.root / "labels.txt"
        if os.path.isfile(labels):
            names = [shown(name) for _, name in numbered_lines(labels)]
            self.listed_names = dict.fromkeys(n for n in names if n not in (_IGNORED, _BACKGROUND))
        found = False
        for path in files_below(self.root, (".json",)):
            split = split_of_folder(self.root, path.parent)
            try:
                content = read_json(path)
            except InputError as error:
                self.file_defect(path, split, error)
                continue
            if isinstance(content, dict) and not any(key in content for key in _KEYS):
                self.note("JSON files are not of labelme and were not read")
                continue
            found = True
            self._read_image(path, split, content)
        if not (found or self.splits):
            raise InputError(
                f"{shown(self.root)}: no JSON file of labelme; put one per image beside the images."
            )

    def _read_image(self, path: Path, split: str, content: Any) -> None:
        """Adds the image of a file, with its objects."""
        shapes = content.get("shapes") if isinstance(content, dict) else None
        if not isinstance(shapes, list):
            problem = "no list of shapes"
            self.image_defect(path, split, "", problem, "save it again in labelme or remove it")
            return
        file = self._file(path, split, content)
        if file is None:
            return
        size = (as_pixels(content.get("imageWidth")), as_pixels(content.get("imageHeight")))
        stated = [content.get(key) for key in ("imageWidth", "imageHeight")]
        if stated != [None, None] and not all(size):
            problem = f"size {short(stated[0])} × {short(stated[1])}"
            remedy = "write imageWidth and imageHeight in pixels"
            self.part_defect(path, split, "", problem, remedy)
        size = size if all(size) else (0, 0)
        image = self.add_image(split, AnnotatedImage(file, path, "", *size))
        if image is not None:
            self._add_objects(image, split, shapes)

    def _file(self, path: Path, split: str, content: JsonObject) -> Path | None:
        """Returns the image file, or None after reporting that there is none."""
        name = content.get("imagePath")
        # Renamed images keep their stem in common with their JSON file.
        names = [name] if isinstance(name, str) and name.strip() else []
        names += [f"{path.stem}{suffix}" for suffix in IMAGE_SUFFIXES]
        try:
            for candidate in names:
                file = self.find_image(candidate, path.parent)
                if os.path.isfile(file):
                    return file
            if not content.get("imageData"):
                return self.find_image(names[0], path.parent)
        except InputError as error:
            self.file_defect(path, split, error)
            return None
        problem = f"no such image {shown(names[0])}, but imageData contains it"
        remedy = "save imageData as this file, for example with labelme_export_json"
        self.image_defect(path, split, "", problem, remedy)
        return None

    def _add_objects(self, image: AnnotatedImage, split: str, shapes: list[Any]) -> None:
        groups: dict[object, list[tuple[str, JsonObject, DrawnShape]]] = {}
        for number, entry in enumerate(shapes, 1):
            record = f"shape {number}"
            if not isinstance(entry, dict):
                problem = f"{short(entry)} is not a shape"
                self.object_defect(image, split, record, problem, "draw it again or remove it")
                continue
            if entry.get("shape_type") in _NO_OBJECTS:
                self.note(f"shapes are of the type {entry['shape_type']}, so no objects")
                continue
            try:
                shape = self._shape(entry, image)
            except ValueError as error:
                self.object_defect(image, split, record, str(error), "draw it again or remove it")
                if region := box_of_points(entry.get("points")):
                    self.add_region(image, record, region)
                continue
            group, label = entry.get("group_id"), entry.get("label")
            key: object = number if group is None else (repr(label), repr(group))
            groups.setdefault(key, []).append((record, entry, shape))
        for parts in groups.values():
            record, entry, _ = parts[0]
            self._add_object(image, split, record, entry, merged([part[2] for part in parts]))

    def _add_object(
        self, image: AnnotatedImage, split: str, record: str, entry: JsonObject, shape: DrawnShape
    ) -> None:
        label = entry.get("label")
        if label == _BACKGROUND:
            self.note("shapes are labeled _background_, so no objects")
            return
        if label == _IGNORED:
            self.add_region(image, record, shape)
            return
        item = self.add_object(image, split, record, label, shape)
        flags = entry.get("flags")
        flagged = isinstance(flags, dict) and flags.get("difficult") is True
        item.difficult |= flagged or entry.get("difficult") is True

    def _shape(self, entry: JsonObject, image: AnnotatedImage) -> DrawnShape:
        """Returns an entry's shape; raises ValueError if it is not valid."""
        kind = entry.get("shape_type") or "polygon"
        points = read_points(entry.get("points"))
        if kind in ("polygon", "rotation", "oriented_rectangle", "quadrilateral"):
            return polygon(points)
        if kind == "rectangle":
            return rectangle(points)
        if kind == "mask":
            mask = read_png_mask(entry.get("mask"))
            left, top, *_ = rectangle(points).box
            return mask_shape(mask, round(left), round(top), *self.size_of_image(image))
        if kind == "circle" and len(points) == 2:
            (x, y), (edge_x, edge_y) = points
            radius = math.hypot(edge_x - x, edge_y - y)
            return ellipse(x, y, radius, radius)
        if kind == "circle":
            raise ValueError(f"a circle of {len(points)} points instead of 2.")
        raise ValueError(f"unknown shape type {short(kind)}.")
