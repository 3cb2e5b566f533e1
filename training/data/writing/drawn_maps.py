"""Class maps and instance maps drawn from the outlines of objects."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from training.data.writing.labeled_image import LabeledObject
from training.data.writing.object_outlines import decode, rle_of

_IGNORE = 255


def class_map(objects: list[LabeledObject], shape: tuple[int, int]) -> np.ndarray:
    """Returns the (H, W) class map of objects, smaller ones on top; class c has value c + 1.

    Crowds, and boxes of objects without outline where nothing else is, are 255.
    """
    values = np.zeros(shape, np.int32)
    for item in objects:
        if not item.has_outline:
            values[_window(item.box, shape)] = _IGNORE
    for index, mask in _drawn(objects, shape):
        item = objects[index]
        values[mask] = _IGNORE if item.crowd else item.label + 1
    return values


def instance_map(
    objects: list[LabeledObject],
    shape: tuple[int, int],
    highest: int,
    lose: Callable[[str], None],
) -> np.ndarray:
    """Returns the (H, W) map of object numbers from 1, smaller objects on top.

    `lose` is called for every object that is not or not wholly visible.
    """
    values = np.zeros(shape, np.int32)
    sizes = {}
    for index, mask in _drawn(objects, shape):
        if index >= highest:
            lose(f"outlines left out, as an instance map holds {highest} objects")
            continue
        values[mask] = index + 1
        sizes[index] = int(mask.sum())
    visible = np.bincount(values.ravel(), minlength=len(objects) + 1)
    for index, size in sizes.items():
        if visible[index + 1] < size:
            lose("objects partly covered by smaller ones, as a map holds one object per pixel")
    return values


def voc_palette() -> np.ndarray:
    """Returns VOC's (256, 3) colors: the bits of a value, three at a time from the top."""
    values = np.arange(256)
    colors = np.zeros((256, 3), np.int64)
    for bit in range(8):
        for channel in range(3):
            colors[:, channel] |= ((values >> channel) & 1) << (7 - bit)
        values = values >> 3
    return colors


def _drawn(objects: list[LabeledObject], shape: tuple[int, int]):
    """Yields index and (H, W) mask of each object with an outline, crowds and large ones first."""
    from faster_coco_eval import mask as coco

    encoded = {i: rle_of(item, *shape) for i, item in enumerate(objects) if item.has_outline}
    area = {index: int(coco.area(rle)) for index, rle in encoded.items()}
    for index in sorted(encoded, key=lambda i: (not objects[i].crowd, -area[i])):
        yield index, decode(encoded[index])


def _window(box: np.ndarray, shape: tuple[int, int]) -> tuple[slice, slice]:
    low = np.maximum(np.floor(box[:2]), 0).astype(int)
    high = np.minimum(np.ceil(box[2:]), shape[::-1]).astype(int)
    return slice(low[1], high[1]), slice(low[0], high[0])
