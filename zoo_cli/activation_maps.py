"""Class activation maps of a classifier, drawn over the image."""

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

ActivationMaps = Callable[[np.ndarray, int], np.ndarray]
"""Function from an image (H, W, C) uint8 and a class index to its activation map (H, W)."""


def activation_maps(loaded: LoadedModel) -> ActivationMaps | None:
    """Returns the activation maps of a model; None for a model without."""
    if not has_activation_maps(loaded.model):
        return None
    model = activation_model(loaded.model)

    def activation_map(image: np.ndarray, label: int) -> np.ndarray:
        inputs, transform = transform_images(image[None], loaded.image_size, loaded.resize)
        maps = tf.image.resize(model(inputs, training=False), inputs.shape[1:3])
        return np.asarray(transform.restore_map(maps))[0, ..., label]

    return activation_map


def write_activation_map(out: Path, path: Path, image: np.ndarray, activation: np.ndarray) -> Path:
    """Writes an activation map over an image and returns the path of the file.

    Args:
        out: folder of the file.
        path: path of the image.
        image: (H, W, 3) uint8 pixels.
        activation: (H, W) activation map.
    """
    target = out / f"{path.stem}_activation.png"
    save_sheet(target, Image.fromarray(overlay_heat(image, activation)))
    return target
