"""Annotations of COCO's JSON: boxes, segmentations, keypoints and captions."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from typing import Any

from training.data.sources.coco.coco_crowds import is_crowd
from training.data.sources.coco.coco_file import CocoFile
from training.data.sources.objects.annotations import AnnotatedImage, Annotation
from training.data.sources.objects.run_lengths import read_rle
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
    """

    file: CocoFile
    labels: Mapping[Id | None, int]
    masks: bool
    keypoints: int
    min_side: int

    def read(self, name: str, entry: JsonObject, image: AnnotatedImage) -> Annotation | None:
        """Returns an annotation; None if it is skipped or dropped, or has no valid box."""
        where = f"{image.name}, {name}"
        category = as_id(entry.get("category_id"))
        listed = category in self.file.categories
        if listed and category not in self.labels:
            return None
        box = self._box(where, entry)
        if box is None:
            return None
        item = Annotation(box, self.labels.get(category, -1), name, is_crowd(entry))
        if not listed:
            problem = f"category_id {short(entry.get('category_id'))} is not a category of the file"
            if self.file.defect(where, problem, "correct it or list the category", "object"):
                return None
        item.difficult = 0 < min(box[2] - box[0], box[3] - box[1]) < self.min_side
        if self.masks and self._add_mask(where, item, image, entry.get("segmentation")):
            return None
        if self.keypoints and self._add_keypoints(where, item, entry.get("keypoints")):
            return None
        return item

    def _box(self, where: str, entry: JsonObject) -> tuple[float, ...] | None:
        """Returns the box as `xyxy`, or None after reporting that it is invalid."""
        values = as_floats(entry.get("bbox"), 4)
        if values is None:
            problem = f"bbox {short(entry.get('bbox'))}"
            self.file.defect(where, problem, "give x, y, width and height in pixels", "object")
            return None
        x, y, width, height = values
        return (x, y, x + width, y + height)

    def _add_mask(self, where: str, item: Annotation, image: AnnotatedImage, value: Any) -> bool:
        """Adds polygons or run lengths; returns whether to drop the annotation.

        An annotation that remains without any is difficult.
        """
        problem = ""
        if isinstance(value, dict):
            if not image.width and (size := as_floats(value.get("size"), 2)):
                image.height, image.width = (as_pixels(side) for side in size)
            try:
                item.run_lengths = read_rle(value, image.height, image.width)
            except ValueError as error:
                problem = f"segmentation: {short(str(error).rstrip('.'))}"
        elif isinstance(value, list) and value:
            polygons = [as_floats(polygon) for polygon in value]
            item.polygons = [polygon for polygon in polygons if polygon is not None]
            if len(item.polygons) < len(polygons):
                problem = f"segmentation {short(value)} is not a list of polygons [x, y, x, y, …]"
        else:
            problem = "no segmentation"
        item.difficult |= not (len(item.polygons) or len(item.run_lengths))
        remedy = "give polygons or an RLE of the image's size"
        return bool(problem) and self.file.defect(where, problem, remedy, "object")

    def _add_keypoints(self, where: str, item: Annotation, value: Any) -> bool:
        """Adds keypoints, if there are any; returns whether to drop the annotation."""
        keypoints = as_floats(value, 3 * self.keypoints)
        item.keypoints = keypoints or ()
        if keypoints is not None or value is None:
            return False
        problem = f"keypoints {short(value)} are not {self.keypoints} times x, y, visibility"
        remedy = "give all keypoints, absent ones as 0, 0, 0"
        return self.file.defect(where, problem, remedy, "object")


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
