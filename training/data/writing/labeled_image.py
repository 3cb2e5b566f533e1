"""One image with its labels, in the form that every writer takes."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np

Rle = dict[str, Any]
"""COCO's compressed run-length encoding: `size` [H, W] and `counts` as bytes."""


@dataclasses.dataclass(frozen=True)
class LabelNames:
    """Names of classes and keypoints.

    Attributes:
        objects: class names of objects.
        classes: class names of the class map, by its values; empty without class maps.
        labels: names of the classes of whole images.
        keypoints: names of the keypoints of an object.
        skeleton: pairs of keypoint indices that a limb connects.
        flip_pairs: (left, right) pairs of keypoint indices; None if unknown.
        outlines: whether objects have outlines.
        model: name of the model whose predictions are written; empty for labels.
    """

    objects: tuple[str, ...] = ()
    classes: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()
    keypoints: tuple[str, ...] = ()
    skeleton: tuple[tuple[int, int], ...] = ()
    flip_pairs: tuple[tuple[int, int], ...] | None = None
    outlines: bool = False
    model: str = ""


@dataclasses.dataclass(slots=True)
class LabeledObject:
    """One object.

    Attributes:
        label: index in `LabelNames.objects`.
        box: (4,) `xyxy` in pixels of the upright image.
        crowd: whether it is a region of many objects.
        difficult: whether it is excluded from training and metrics.
        polygons: outlines, (V, 2) x, y in pixels each; the object is their union.
        rle: mask of the whole image, instead of polygons or in addition to them.
        keypoints: (K, 3) x, y, visibility 0, 1 or 2; None without keypoints.
        caption: text that describes the object.
        score: score of a prediction; None for a label.
        area: area in pixels as stated by the data set; 0 if not stated.
    """

    label: int
    box: np.ndarray
    crowd: bool = False
    difficult: bool = False
    polygons: list[np.ndarray] = dataclasses.field(default_factory=list)
    rle: Rle | None = None
    keypoints: np.ndarray | None = None
    caption: str = ""
    score: float | None = None
    area: float = 0.0

    @property
    def has_outline(self) -> bool:
        """Whether it has polygons or a mask."""
        return bool(self.polygons) or self.rle is not None


@dataclasses.dataclass(slots=True)
class LabeledImage:
    """One image with its labels.

    Attributes:
        name: name of the image in messages, such as its file.
        split: name of the split; empty without splits.
        width: width of the upright image in pixels.
        height: height of the upright image in pixels.
        file: image file; None if there are only `pixels`.
        pixels: (H, W, C) pixels of an image without a file.
        objects: objects of the image.
        segmentation: (H, W) class map, 255 is ignored; None without a class map.
        label: class of the whole image, an index in `LabelNames.labels`; None without one.
        score: score of `label`; None for a label.
    """

    name: str
    split: str
    width: int
    height: int
    file: Path | None = None
    pixels: np.ndarray | None = None
    objects: list[LabeledObject] = dataclasses.field(default_factory=list)
    segmentation: np.ndarray | None = None
    label: int | None = None
    score: float | None = None
