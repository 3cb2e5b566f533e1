"""Annotated images, as the readers of all formats produce them."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path

REGION = "region"
"""Class name of the objects of data sets with captions instead of classes."""


@dataclasses.dataclass(slots=True)
class Annotation:
    """One annotated object.

    Attributes:
        box: x0, y0, x1, y1 as stored in the file: pixels from the top left corner of the image,
            or fractions of its sides if the source is `relative`.
        label: index in `object_names`; −1 for an unknown class.
        name: name in messages, such as `annotation 17` or `line 3`.
        crowd: whether it is a region of many objects.
        difficult: whether it is excluded from training and from metrics, as a region that is
            neither object nor background.
        polygons: outlines, each x, y, x, y, …; the object is their union. An object without
            polygons, run lengths and instance id has no outline, which masks mark as ignored.
        run_lengths: lengths of runs of its mask, first of 0, down the columns of an image of the
            stated size.
        keypoints: x, y, visibility of each keypoint; empty without keypoints.
        caption: text that describes the object.
        instance_id: value of the object in the image's instance map; 0 without a map.
        area: area as stated in the file, in the unit of the box squared; 0 if not stated.
    """

    box: Sequence[float]
    label: int = 0
    name: str = ""
    crowd: bool = False
    difficult: bool = False
    polygons: Sequence[Sequence[float]] = ()
    run_lengths: Sequence[int] = ()
    keypoints: Sequence[float] = ()
    caption: str = ""
    instance_id: int = 0
    area: float = 0.0


@dataclasses.dataclass(slots=True)
class AnnotatedImage:
    """One image and its annotations.

    Attributes:
        file: the image file.
        label_file: the file with its annotations, to correct if something is wrong.
        name: name of the image's entry in the label file; empty if the file has one image only.
        width, height: size stated in the label file, in pixels; 0 if not stated.
        image_id: id in the label file, for formats with ids.
        annotations: annotations, in the file's order.
    """

    file: Path
    label_file: Path
    name: str = ""
    width: int = 0
    height: int = 0
    image_id: int = 0
    annotations: list[Annotation] = dataclasses.field(default_factory=list)

    def annotation_name(self, index: int) -> str:
        """Returns the name of an annotation in messages."""
        name = self.annotations[index].name or f"object {index + 1}"
        return f"{self.name}, {name}" if self.name else name
