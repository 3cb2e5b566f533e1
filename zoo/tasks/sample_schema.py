"""The sample schema of every data source and every model."""

from __future__ import annotations

import dataclasses

IGNORE = 255
"""Value that losses and metrics ignore: of pixels of segmentation maps, and of an object's mask in
every cell if the object has no outline."""

COVERED = 254
"""Value of a wholly covered cell in masks of fractions, which have values above 1."""


@dataclasses.dataclass(frozen=True)
class Field:
    """One entry of a sample.

    Attributes:
        shape: shape, with letters for sizes that vary between samples.
        dtype: name of the NumPy dtype.
        meaning: description in one line.
        padding: padding value of absent objects in a batch.
    """

    shape: tuple[str | int, ...]
    dtype: str
    meaning: str
    padding: int | float | bool = 0


SCHEMA: dict[str, Field] = {
    "image": Field(("H", "W", "C"), "uint8", "pixels, RGB in 0…255"),
    "segmentation": Field(("H", "W"), "int32", "class of each pixel; 255 = ignore", IGNORE),
    "instances": Field(("H", "W"), "int32", "index of the object of each pixel; 0 = none"),
    "label": Field((), "int32", "class of the image"),
    "box": Field((4,), "float32", "box of the one object, xyxy in pixels"),
    "boxes": Field(("N", 4), "float32", "boxes of the objects, xyxy in pixels"),
    "labels": Field(("N",), "int32", "class of each object; −1 = padding", -1),
    "crowd": Field(("N",), "bool", "a crowd region: neither positive nor negative", False),
    "difficult": Field(("N",), "bool", "neither positive nor negative in training", False),
    "masks": Field(
        *(("N", "M", "M"), "uint8"),
        "mask of each object in its box: 0 outside, 1 inside; 255 everywhere = no outline",
    ),
    "areas": Field(
        *(("N",), "float64"),
        "area of each object in pixels², for evaluation; 0 = that of its mask or box",
    ),
    "keypoints": Field(
        ("N", "K", 3), "float32", "x, y in pixels, visibility 0 absent, 1 hidden, 2 visible"
    ),
    "proposals": Field(("P", 4), "float32", "candidate boxes, best first, xyxy in pixels"),
    "captions": Field(("N", "T"), "int32", "token ids of the caption of each region; 0 = padding"),
}
