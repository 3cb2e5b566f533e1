"""Widths and heights of a data set's objects at a model input size."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from scipy import ndimage

from training.data.checking.sample_loading import LoadedSample, load_samples
from training.data.sources.source import Source
from zoo.argument_checks import check_choice
from zoo.errors import InputError

KEYS = ("boxes", "box", "instances")


def object_shapes(
    source: Source,
    splits: Sequence[str],
    image_size: tuple[int, int],
    resize: str = "letterbox",
    each: Callable[[str, int], None] | None = None,
) -> np.ndarray:
    """Returns the shapes of all objects, from the labels without decoding images if possible.

    Crowds and objects without area are skipped.

    Args:
        source: data set with boxes, or with instance maps.
        splits: names of the splits.
        image_size: height and width of the model input in pixels.
        resize: `"letterbox"` or `"stretch"`.
        each: function called with split and index of each record.

    Returns:
        (N, 2) float64 width and height in pixels of the model input.

    Raises:
        InputError: if the data set has no boxes, a record cannot be read, or there is no object.
    """
    key = next((key for key in KEYS if key in source.keys), None)
    if key is None:
        raise InputError(
            f"{source.spec}: no boxes among {', '.join(source.keys)}; use a data set of objects, "
            "such as coco:DIR, voc:DIR or yolo:DIR."
        )
    check_choice("resize", resize, ("letterbox", "stretch"))
    sides = [np.zeros((0, 2))]
    for split in splits:
        # Boxes that are not in the record itself are decoded with the image.
        in_record = isinstance(spec := source.raw(split).element_spec, dict) and key in spec
        for number, loaded in enumerate(load_samples(source, split, labels_only=in_record)):
            if loaded.error:
                raise InputError(loaded.error)
            sides.append(_sides(loaded, key) * _scale(loaded, image_size, resize))
            if each:
                each(split, number)
    shapes = np.concatenate(sides)
    shapes = shapes[np.isfinite(shapes).all(-1) & (shapes > 0).all(-1)]
    if not len(shapes):
        raise InputError(f"{source.spec}: no objects in {', '.join(splits)}; use other splits.")
    return shapes


def _sides(loaded: LoadedSample, key: str) -> np.ndarray:
    """Returns (N, 2) width and height in pixels of the image."""
    sample = loaded.sample
    if key == "instances":
        slices = [pair for pair in ndimage.find_objects(sample["instances"]) if pair]
        sides = [(x.stop - x.start, y.stop - y.start) for y, x in slices]
        return np.array(sides, np.float64).reshape(-1, 2)
    boxes = np.asarray(sample[key], np.float64).reshape(-1, 4)
    if key == "boxes":
        keep = sample["labels"] >= 0 if "labels" in sample else np.ones(len(boxes), bool)
        if "crowd" in sample:
            keep &= ~sample["crowd"]
        boxes = boxes[keep]
    return boxes[:, 2:] - boxes[:, :2]


def _scale(loaded: LoadedSample, image_size: tuple[int, int], resize: str) -> np.ndarray:
    factors = np.array([image_size[1] / loaded.width, image_size[0] / loaded.height])
    return factors if resize == "stretch" else np.full(2, factors.min())
