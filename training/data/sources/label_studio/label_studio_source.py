"""`label_studio:FOLDER` — JSON and JSON-MIN exports of Label Studio."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from training.data.sources.annotation_tools.drawn_shapes import (
    DrawnShape,
    ellipse,
    mask_shape,
    polygon,
    read_numbers,
    read_points,
    rotated_rectangle,
)
from training.data.sources.annotation_tools.label_files import files_below, split_of_file
from training.data.sources.annotation_tools.png_masks import read_png_mask
from training.data.sources.annotation_tools.tool_source import ToolSource
from training.data.sources.label_studio.brush_rle import read_brush
from training.data.sources.label_studio.task_files import Task, is_export, read_task
from training.data.sources.objects.annotations import AnnotatedImage
from training.data.sources.objects.instance_maps import MASK_SIZE
from training.data.sources.reading.image_headers import MAX_PIXELS
from training.data.sources.reading.json_files import JsonObject, as_id, as_pixels, read_json, short
from training.data.sources.reading.options import read_flag
from training.data.sources.reading.splits import SplitRule
from zoo.errors import InputError
from zoo.files.file_names import shown

_NO_OBJECTS = ("keypoint", "vector")
_SHAPES = ("rectangle", "polygon", "ellipse", "brush", "bitmask")
_REMEDY = "draw it again or remove it"


class LabelStudioFolder(ToolSource):
    """`label_studio:FOLDER?classes=…&…`: images with regions in Label Studio's JSON or JSON-MIN.

    Rectangles have a box; rotated rectangles, polygons, ellipses and brush masks an outline; other
    regions are no objects. Of several annotations of a task, the first that is not cancelled is
    used; tasks without any are left out. Images are found without Label Studio's upload prefix too.

    Args:
        root: the data folder, with the exported files and the images.
        classes: class names to use, separated by commas, in the order of their class indices; by
            default all, in alphabetical order. Objects of other classes are left out.
        val: fraction of the images to validate on if neither lists nor names name a split.
        split: `hash`, `block`, `stratified`, or `group:PATTERN`; see `SplitRule`.
        fold: `K/N` to validate on the K-th of N parts instead of a fraction.
        drop_bad: `1` to drop objects and images with defects.
        mask_size: cells along each side of a mask, if there are outlines.
        predictions: `1` reads the first prediction of a task that has no annotation.

    Raises:
        InputError: if there are no exports of Label Studio.
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
        predictions: str = "",
    ):
        super().__init__(root, drop_bad, mask_size)
        self._predictions = read_flag("predictions", predictions)
        self.read(classes, SplitRule(val, split, fold))

    def read_files(self) -> None:
        found = False
        for path in files_below(self.root, (".json",)):
            split = split_of_file(self.root, path)
            try:
                content = read_json(path)
            except InputError as error:
                self.file_defect(path, split, error)
                continue
            if not is_export(content):
                self.note("JSON files are not of Label Studio and were not read")
                continue
            found = True
            for number, entry in enumerate(content if isinstance(content, list) else [content], 1):
                task_id = as_id(entry.get("id")) if isinstance(entry, dict) else None
                record = f"entry {number}" if task_id is None else f"task {short(task_id)}"
                self._read_task(path, split, record, read_task(entry, self._predictions))
        if not (found or self.splits):
            raise InputError(
                f"{shown(self.root)}: no JSON export of Label Studio; add one beside the images."
            )

    def _read_task(self, path: Path, split: str, record: str, task: Task) -> None:
        if task.problem:
            remedy = "export it again or remove the task"
            self.image_defect(path, split, record, task.problem, remedy)
            return
        if task.regions is None:
            self.note("tasks have no annotation, or only cancelled ones; their images are not used")
            return
        if task.annotations > 1:
            self.note("tasks have several annotations, of which the first is used")
        count = len(self.splits.get(split, ()))
        image = self.image_of(path, split, record, task.image)
        if image is None:
            return
        if len(self.splits[split]) == count:
            self.note("tasks are for images of earlier ones, which are used instead")
            return
        self._add_objects(image, split, task.regions)

    def _add_objects(self, image: AnnotatedImage, split: str, regions: list[Any]) -> None:
        """Adds the objects of a task; results of one id are shape and labels of one region."""
        merged: dict[object, JsonObject] = {}
        for number, region in enumerate(regions, 1):
            value = region.get("value") if isinstance(region, dict) else None
            if isinstance(region, dict) and region.get("type") == "relation":
                self.note("relations between regions are not used")
                continue
            if not isinstance(value, dict):
                problem = f"{short(region)} has no value"
                self.object_defect(image, split, f"region {number}", problem, _REMEDY)
                continue
            key = as_id(region.get("id"))
            known = merged.setdefault(number if key is None else f"id {key}", {"number": number})
            known["value"] = {**known.get("value", {}), **value}
            known["types"] = [*known.get("types", ()), region.get("type")]
            for name in ("original_width", "original_height"):
                known[name] = region.get(name) or known.get(name)
        for region in merged.values():
            self._add_region(image, split, f"region {region['number']}", region)

    def _add_region(
        self, image: AnnotatedImage, split: str, record: str, region: JsonObject
    ) -> None:
        types = [kind for kind in region["types"] if isinstance(kind, str)]
        kinds = [kind.removesuffix("labels") for kind in types]
        value = region["value"]
        if other := next((kind for kind in kinds if kind in _NO_OBJECTS), ""):
            self.note(f"regions are of the type {other}, so no objects")
            return
        shapes = [kind for kind in kinds if kind in _SHAPES]
        if not shapes and not ({"x", "points", "rle", "imageDataURL"} & value.keys()):
            self.note(f"results are of the type {short(' '.join(types) or 'none')}, so no objects")
            return
        try:
            shape = self._shape(value, image, region)
        except ValueError as error:
            self.object_defect(image, split, record, str(error), _REMEDY)
            return
        self.add_object(image, split, record, self._class_of(value), shape)

    def _class_of(self, value: JsonObject) -> object:
        """Returns the class of a region as stored; None without one."""
        lists = (value[key] for key in sorted(value) if key.endswith("labels"))
        labels = next((labels for labels in lists if labels), None)
        if not isinstance(labels, list):
            return labels
        if len(labels) > 1:
            self.note("regions have several labels, of which the first is used")
        return labels[0]

    def _shape(self, value: JsonObject, image: AnnotatedImage, region: JsonObject) -> DrawnShape:
        """Returns a region's shape in pixels; raises ValueError if it is not valid."""
        width, height = (as_pixels(region[f"original_{side}"]) for side in ("width", "height"))
        if width and height and not image.width:
            image.width, image.height = width, height
        height, width = self.size_of_image(image)
        if "imageDataURL" in value:
            return mask_shape(read_png_mask(value["imageDataURL"]), 0, 0, height, width)
        if "rle" in value:
            return mask_shape(_brush(value["rle"], height, width), 0, 0, height, width)
        if "points" in value:
            points = read_points(value["points"])
            return polygon([(x * width / 100, y * height / 100) for x, y in points])
        x, y = read_numbers(value, "x", "y")
        degrees = read_numbers(value, "rotation")[0] if value.get("rotation") else 0.0
        keys = ("radiusX", "radiusY") if "radiusX" in value else ("width", "height")
        across, down = read_numbers(value, *keys)
        sides = (x * width / 100, y * height / 100, across * width / 100, down * height / 100)
        return (
            ellipse(*sides, degrees) if "radiusX" in value else rotated_rectangle(*sides, degrees)
        )


def _brush(rle: Any, height: int, width: int) -> Any:
    """Returns the (height, width) bool mask of Label Studio's or COCO's run lengths."""
    if height * width > MAX_PIXELS:
        raise ValueError(f"a mask of an image of {width}×{height} pixels.")
    return read_brush(rle, height, width)
