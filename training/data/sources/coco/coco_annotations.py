"""Annotations of COCO's JSON: boxes, segmentations, keypoints and captions."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from typing import Any

from training.data.sources.coco.coco_crowds import is_crowd
from training.data.sources.coco.coco_file import CocoFile
from training.data.sources.objects.annotations import AnnotatedImage, Annotation
from training.data.sources.objects.run_lengths import box_of_runs, read_rle
from training.data.sources.reading.json_files import (
    Id,
    JsonObject,
    as_floats,
    as_id,
    as_pixels,
    short,
)


@dataclasses.dataclass(frozen=True)
class AnnotationReader:
    """Reads the annotations of objects in a file.

    Attributes:
        file: the JSON file.
        labels: class index by category id; objects of other categories are skipped.
        masks: whether to read segmentations.
        keypoints: number of keypoints per object.
        min_side: shorter side in pixels below which an object is difficult.
        crowds: whether `iscrowd` marks crowds; otherwise these annotations are objects.
    """

    file: CocoFile
    labels: Mapping[Id | None, int]
    masks: bool
    keypoints: int
    min_side: int
    crowds: bool = True

    def read(self, name: str, entry: JsonObject, image: AnnotatedImage) -> Annotation | None:
        """Returns an annotation; None if its category is not used or it has no valid box."""
        where = f"{image.name}, {name}"
        category = as_id(entry.get("category_id"))
        listed = category in self.file.categories
        if listed and category not in self.labels:
            return None
        box = self._box(where, entry, image)
        if box is None:
            return None
        crowd = self.crowds and is_crowd(entry)
        item = Annotation(box, self.labels.get(category, -1), name, crowd)
        if not listed:
            # Without a class, the object becomes an ignored region.
            problem = f"category_id {short(entry.get('category_id'))} is not a category of the file"
            self.file.defect(where, problem, "correct it or list the category", "object")
        item.area = as_area(entry.get("area"))
        small = 0 < min(box[2] - box[0], box[3] - box[1]) < self.min_side
        item.difficult = small or entry.get("ignore") == 1
        if self.masks:
            self._add_mask(where, item, image, entry.get("segmentation"))
        if self.keypoints:
            self._add_keypoints(where, item, entry.get("keypoints"))
        return item

    def _box(
        self, where: str, entry: JsonObject, image: AnnotatedImage
    ) -> tuple[float, ...] | None:
        """Returns the box as `xyxy`, or None after reporting that it is invalid."""
        stated = entry.get("bbox")
        values = as_floats(stated, 4)
        if stated in (None, [], "") or (values is not None and not any(values)):
            # Some tools export outlines alone, or with a box of zeros.
            box = _outline_box(entry.get("segmentation"), image)
            if box is not None:
                self.file.computed_boxes += 1
                return box
        if values is None:
            problem = f"bbox {short(stated)}"
            self.file.defect(where, problem, "give x, y, width and height in pixels", "object")
            return None
        x, y, width, height = values
        return (x, y, x + width, y + height)

    def _add_mask(self, where: str, item: Annotation, image: AnnotatedImage, value: Any) -> None:
        """Adds polygons or run lengths; an object may have none, but not invalid ones."""
        problem = ""
        if isinstance(value, dict):
            if not image.width and (size := as_floats(value.get("size"), 2)):
                image.height, image.width = (as_pixels(side) for side in size)
            try:
                item.run_lengths = read_rle(value, image.height, image.width)
            except ValueError as error:
                problem = f"segmentation: {short(str(error).rstrip('.'))}"
        elif isinstance(value, list):
            outlines = [polygon for polygon in value if polygon != []]
            polygons = [as_floats(polygon) for polygon in outlines]
            item.polygons = [polygon for polygon in polygons if polygon is not None]
            if len(item.polygons) < len(polygons):
                problem = f"segmentation {short(value)} is not a list of polygons [x, y, x, y, …]"
        elif value not in (None, ""):
            problem = f"segmentation {short(value)}"
        if problem:
            remedy = "give polygons or an RLE of the image's size"
            self.file.defect(where, problem, remedy, "part")

    def _add_keypoints(self, where: str, item: Annotation, value: Any) -> None:
        """Adds keypoints, if there are any."""
        keypoints = as_floats(value, 3 * self.keypoints)
        item.keypoints = keypoints or ()
        if keypoints is not None or value is None:
            return
        problem = f"keypoints {short(value)} are not {self.keypoints} times x, y, visibility"
        remedy = "give all keypoints, absent ones as 0, 0, 0"
        self.file.defect(where, problem, remedy, "part")


def as_area(value: Any) -> float:
    """Returns an area in pixels², 0 for anything else than a finite number above 0."""
    values = as_floats([value], 1)
    return values[0] if values and 0 < values[0] < math.inf else 0.0


def _outline_box(outline: Any, image: AnnotatedImage) -> tuple[float, ...] | None:
    """Returns the box `xyxy` around polygons or a mask; None if there is no valid one."""
    if isinstance(outline, dict):
        size = as_floats(outline.get("size"), 2) or (image.height, image.width)
        height, width = map(as_pixels, size)
        try:
            return box_of_runs(read_rle(outline, height, width), height)
        except ValueError:
            return None  # reported when the mask is read
    polygons = [as_floats(polygon) for polygon in outline] if isinstance(outline, list) else []
    points = [p for p in polygons if p and len(p) >= 6 and len(p) % 2 == 0]
    if not points or not all(math.isfinite(sum(p)) for p in points):
        return None
    xs, ys = ([value for p in points for value in p[axis::2]] for axis in (0, 1))
    return (min(xs), min(ys), max(xs), max(ys))


def read_caption(
    file: CocoFile, name: str, entry: JsonObject, image: AnnotatedImage
) -> Annotation | None:
    """Returns a caption of the whole image, or None after reporting that it is empty."""
    caption = entry.get("caption")
    if not isinstance(caption, str) or not caption.strip():
        problem = f"caption {short(repr(caption))}"
        file.defect(f"{image.name}, {name}", problem, "write one or remove it", "object")
        return None
    width, height = image.width or math.inf, image.height or math.inf
    box = (0.0, 0.0, min(width, 1e6), min(height, 1e6))
    return Annotation(box, 0, name, caption=" ".join(caption.split()))
