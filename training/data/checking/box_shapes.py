"""Widths and heights of a data set's objects, as a model of some image size sees them."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from scipy import ndimage

from training.data.checking.sample_reading import Reading, read
from training.data.sources.source import Source
from zoo.errors import InputError

KEYS = ("boxes", "box", "instances")


def object_shapes(
    source: Source,
    splits: Sequence[str],
    image_size: tuple[int, int],
    resize: str = "letterbox",
    each: Callable[[str, int], None] | None = None,
) -> np.ndarray:
    """Shapes of all objects, taken from their labels; images are decoded only if they have to be.

    Crowds and objects without area are left out.

    Args:
        source: a data set with boxes, or with instance maps.
        splits: those to read.
        image_size: canvas height and width in pixels.
        fit: `"fit"` keeps an image's proportions, `"stretch"` does not.
        each: called with split and number of each record.

    Returns:
        (N, 2) float64 width and height in pixels of the canvas.

    Raises:
        InputError: the data set has no boxes, a record cannot be read, or there is no object.
    """
    key = next((key for key in KEYS if key in source.keys), None)
    if key is None:
        raise InputError(
            f"{source.spec}: no boxes to cluster; it has {', '.join(source.keys)}. Take a data set "
            "of objects, such as coco:DIR, voc:DIR or yolo:DIR."
        )
    if resize not in ("letterbox", "stretch"):
        raise InputError(f"fit={resize}: expected fit or stretch.")
    found = [np.zeros((0, 2))]
    for split in splits:
        # Where the record does not hold the boxes themselves, they come with the image.
        held = isinstance(spec := source.raw(split).element_spec, dict) and key in spec
        for number, reading in enumerate(read(source, split, labels_only=held)):
            if reading.complaint:
                raise InputError(reading.complaint)
            found.append(_sides(reading, key) * _scale(reading, image_size, resize))
            if each:
                each(split, number)
    shapes = np.concatenate(found)
    shapes = shapes[np.isfinite(shapes).all(-1) & (shapes > 0).all(-1)]
    if not len(shapes):
        raise InputError(f"{source.spec}: no object in {', '.join(splits)}.")
    return shapes


def _sides(reading: Reading, key: str) -> np.ndarray:
    """(N, 2) width and height in pixels of the image."""
    sample = reading.sample
    if key == "instances":
        places = [place for place in ndimage.find_objects(sample["instances"]) if place]
        sides = [(x.stop - x.start, y.stop - y.start) for y, x in places]
        return np.array(sides, np.float64).reshape(-1, 2)
    boxes = np.asarray(sample[key], np.float64).reshape(-1, 4)
    if key == "boxes":
        keep = sample["labels"] >= 0 if "labels" in sample else np.ones(len(boxes), bool)
        if "crowd" in sample:
            keep &= ~sample["crowd"]
        boxes = boxes[keep]
    return boxes[:, 2:] - boxes[:, :2]


def _scale(reading: Reading, image_size: tuple[int, int], resize: str) -> np.ndarray:
    factors = np.array([image_size[1] / reading.width, image_size[0] / reading.height])
    return factors if resize == "stretch" else np.full(2, factors.min())
