"""The one sample schema: what every reader gives and every model of a task learns from."""

from __future__ import annotations

import dataclasses

IGNORE = 255
"""Class-map value of pixels that are neither learned from nor measured."""


@dataclasses.dataclass(frozen=True)
class Field:
    """One entry of a sample.

    Attributes:
        shape: with letters for sizes that differ from sample to sample.
        dtype: NumPy name.
        meaning: in one line.
        padding: what fills the place of an absent object when samples are batched.
    """

    shape: tuple[str | int, ...]
    dtype: str
    meaning: str
    padding: int | float | bool = 0


SCHEMA: dict[str, Field] = {
    "image": Field(("H", "W", "C"), "uint8", "pixels, RGB in 0…255"),
    "segmentation": Field(("H", "W"), "int32", "class of each pixel; 255 = ignore", IGNORE),
    "instances": Field(("H", "W"), "int32", "number of the object of each pixel; 0 = none"),
    "label": Field((), "int32", "class of the image"),
    "box": Field((4,), "float32", "the one object, xyxy in pixels"),
    "boxes": Field(("N", 4), "float32", "objects, xyxy in pixels"),
    "labels": Field(("N",), "int32", "class of each object; −1 = padding", -1),
    "crowd": Field(("N",), "bool", "a crowd region: neither positive nor negative", False),
    "difficult": Field(("N",), "bool", "neither positive nor negative in training", False),
    "masks": Field(("N", "M", "M"), "uint8", "each object's mask in the frame of its own box"),
    "keypoints": Field(
        ("N", "K", 3), "float32", "x, y in pixels, visibility 0 absent, 1 hidden, 2 visible"
    ),
    "proposals": Field(
        ("P", 4), "float32", "boxes that may hold an object, best first, xyxy in pixels"
    ),
    "captions": Field(("N", "T"), "int32", "token ids of each region's sentence; 0 = padding"),
}
