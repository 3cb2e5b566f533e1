"""Segmentation maps and instance maps as colors."""

from __future__ import annotations

import numpy as np

from training.drawing.colors import class_colors, object_color
from zoo.tasks.sample_schema import IGNORE


def paint_classes(segmentation: np.ndarray, count: int) -> np.ndarray:
    """Returns the colors (H, W, 3) uint8 of a segmentation map; ignored pixels are light grey."""
    colors = np.full((256, 3), 200, np.uint8)
    colors[:count] = class_colors(count)
    colors[IGNORE] = 225
    return colors[np.clip(segmentation, 0, 255)]


def overlay_classes(image: np.ndarray, segmentation: np.ndarray, count: int) -> np.ndarray:
    """Returns the image under its class colors; class 0 and ignored pixels have none."""
    image = rgb(image)
    painted = paint_classes(segmentation, count)
    clear = (segmentation == 0) | (segmentation == IGNORE)
    mixed = (0.45 * image + 0.55 * painted).astype(np.uint8)
    return np.where(clear[..., None], image, mixed)


def overlay_instances(image: np.ndarray, instances: np.ndarray) -> np.ndarray:
    """Returns the image with a color and a rim for each object of an (H, W) instance map."""
    image = rgb(image)
    numbers, index = np.unique(instances, return_inverse=True)
    # Neighboring numbers have different colors; 24 of them distinguish the objects.
    colors = np.array([object_color(int(number) % 24) for number in numbers], np.uint8)
    painted = colors[index.reshape(instances.shape)]
    mixed = (0.6 * image + 0.4 * painted).astype(np.uint8)
    mixed = np.where(rims(instances)[..., None], painted, mixed)
    return np.where((instances == 0)[..., None], image, mixed)


def rims(instances: np.ndarray) -> np.ndarray:
    """Returns the pixels (H, W) of objects with a neighbor outside the same object."""
    padded = np.pad(instances, 1)
    inner = padded[1:-1, 1:-1]
    differs = np.zeros(instances.shape, bool)
    for other in (padded[:-2, 1:-1], padded[2:, 1:-1], padded[1:-1, :-2], padded[1:-1, 2:]):
        differs |= other != inner
    return differs & (instances != 0)


def rgb(image: np.ndarray) -> np.ndarray:
    """Returns an image (H, W, 1 or 3) in 0…255 as (H, W, 3) uint8."""
    if image.dtype != np.uint8:
        image = np.clip(np.round(image), 0, 255).astype(np.uint8)
    return np.repeat(image, 3, axis=-1) if image.shape[-1] == 1 else image
