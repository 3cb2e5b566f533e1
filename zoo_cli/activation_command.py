"""Where a classifier looked: its class activation map laid over the image."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import tensorflow as tf
from PIL import Image

from training.drawing import overlay_heat, save_sheet
from zoo.classification import activation_model, has_activation_maps
from zoo.inference.image_transform import transform_images
from zoo_cli.loaded_model import LoadedModel

Looks = Callable[[np.ndarray, int], np.ndarray]


def looks_of(loaded: LoadedModel) -> Looks | None:
    """A function from an image (H, W, C) uint8 and a class to its activation map (H, W).

    None for a model that has no such maps.
    """
    if not has_activation_maps(loaded.model):
        return None
    maps = activation_model(loaded.model)

    def look(image: np.ndarray, number: int) -> np.ndarray:
        canvas, transform = transform_images(image[None], loaded.image_size, loaded.resize)
        found = tf.image.resize(maps(canvas, training=False), canvas.shape[1:3])
        return np.asarray(transform.restore_map(found))[0, ..., number]

    return look


def write_look(
    out: Path, path: Path, image: np.ndarray, seen: np.ndarray, number: int, looks: Looks
) -> Path:
    """Writes the map of a class over an image.

    Args:
        out: folder.
        path: of the image, for the name.
        image: (H, W, 3) uint8.
        seen: the image with the channels that the model takes.
        number: of the class.
        looks: as `looks_of` gives.
    """
    target = out / f"{path.stem}_activation.png"
    save_sheet(target, Image.fromarray(overlay_heat(image, looks(seen, number))))
    return target
