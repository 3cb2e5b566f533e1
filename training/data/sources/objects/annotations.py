"""What a reader of annotations hands over: images and the objects in them."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path


@dataclasses.dataclass(slots=True)
class Annotation:
    """One annotated object.

    Attributes:
        box: x0, y0, x1, y1 as the file states them; pixels from the top left corner of the
            image, or fractions of its sides where the source is `relative`.
        label: number in `object_names`; −1 where the file names a class that does not exist.
        record: what to call it in a message, such as `annotation 17` or `line 3`.
        crowd: a region of many objects.
        difficult: not to be learned from and not measured.
        polygons: outlines, each x, y, x, y, …; the object is their union.
        runs: run lengths of its mask, 0 first, down the columns of an image of the stated size.
        keypoints: x, y, visibility of each joint; empty for an object without.
        text: its caption.
        number: of the object in the image's map of objects; 0 for none.
    """

    box: Sequence[float]
    label: int = 0
    record: str = ""
    crowd: bool = False
    difficult: bool = False
    polygons: Sequence[Sequence[float]] = ()
    runs: Sequence[int] = ()
    keypoints: Sequence[float] = ()
    text: str = ""
    number: int = 0


@dataclasses.dataclass(slots=True)
class AnnotatedImage:
    """One image and its objects.

    Attributes:
        file: the image.
        labels: the file that describes it, the one to mend when something is wrong.
        record: what to call the image's entry in that file; empty where the file is about
            one image alone.
        width, height: as stated there, in pixels; 0 where nothing is stated.
        number: its id, for formats that have one.
        objects: in the file's order.
    """

    file: Path
    labels: Path
    record: str = ""
    width: int = 0
    height: int = 0
    number: int = 0
    objects: list[Annotation] = dataclasses.field(default_factory=list)

    def name_of(self, index: int) -> str:
        """What to call an object of it in a message."""
        name = self.objects[index].record or f"object {index + 1}"
        return f"{self.record}, {name}" if self.record else name
