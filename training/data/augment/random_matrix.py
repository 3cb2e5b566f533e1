"""The matrix of a sample, drawn from the ranges of a policy."""

from __future__ import annotations

from typing import Any

import tensorflow as tf

from training.data.augment import matrices
from training.data.augment.augmentation import Augmentation
from training.data.augment.random_draws import GEOMETRY, JITTER, draws

# "cover" is for the tiles of a mosaic, which have no room for padding.
RESIZE_RULES = ("letterbox", "stretch", "crop")
COVER = "cover"
# Whole numbers: Python's for a canvas, tensors for a tile of one.
Sides = tuple[Any, Any]

_NAMES = (
    "flip_horizontal", "flip_vertical", "rotate", "shear", "scale",
    "translate_x", "translate_y", "crop_x", "crop_y",
)  # fmt: skip


def placed(source: tf.Tensor, size: Sides, resize: str) -> tuple[tf.Tensor, tf.Tensor]:
    """(2,) float64 height and width that the image takes on the canvas, and its matrix."""
    sides = tf.unstack(source)
    if resize == "letterbox":
        target = tf.stack(matrices.letterbox_size(sides, size))
    elif resize == COVER:
        ratios = tf.stack(size) / source
        target = tf.cast(source, tf.float64) * tf.reduce_max(ratios)
    else:
        target = tf.stack(size) if resize == "stretch" else source
    target = tf.cast(target, tf.float64)
    return target, matrices.resize(sides, tf.unstack(target))


def random_matrix(
    seed: tf.Tensor, augmentation: Augmentation, window: tf.Tensor, size: Sides, resize: str
) -> tf.Tensor:
    """(3, 3) float64 matrix from an image to a canvas of `size` = (height, width).

    The `window` of the image, (4,) int32 `xyxy`, is placed as `fit` says, then mirrored, zoomed,
    sheared and turned about its own centre, then shifted. With "crop", "cover" and a large-scale
    jitter the canvas is a window of random place on the result.
    """
    draw = draws(seed, GEOMETRY, _NAMES)
    sides, base = placed(tf.stack([window[3] - window[1], window[2] - window[0]]), size, resize)
    height, width = tf.unstack(sides)
    center = (width / 2, height / 2)

    def spread(name: str, largest: float) -> tf.Tensor:
        return (2.0 * draw[name] - 1.0) * largest

    smallest, largest = augmentation.scale
    zoom = smallest * (largest / smallest) ** draw["scale"]
    least, most = augmentation.scale_jitter
    zoom *= least + (most - least) * draws(seed, JITTER, ("zoom",))["zoom"]
    mirror_x = tf.where(draw["flip_horizontal"] < augmentation.flip_horizontal, -1.0, 1.0)
    mirror_y = tf.where(draw["flip_vertical"] < augmentation.flip_vertical, -1.0, 1.0)
    mirror = tf.cast(tf.stack([mirror_x, mirror_y]), tf.float64)
    steps = [base] if augmentation.crop == "none" else [matrices.crop(window[0], window[1]), base]
    # What never happens costs no time.
    if (
        augmentation.reflects
        or augmentation.scale != (1.0, 1.0)
        or augmentation.scale_jitter != (1.0, 1.0)
    ):
        zoomed = matrices.scaling(zoom * mirror[0], zoom * mirror[1])
        steps.append(matrices.about(center, zoomed))
    if augmentation.shear:
        steps.append(matrices.shearing(spread("shear", augmentation.shear), center))
    if augmentation.rotate:
        steps.append(matrices.rotation(spread("rotate", augmentation.rotate), center))
    if augmentation.translate:
        shift = (
            spread("translate_x", augmentation.translate) * width,
            spread("translate_y", augmentation.translate) * height,
        )
        steps.append(matrices.translation(*shift))
    if resize in ("crop", COVER) or augmentation.scale_jitter != (1.0, 1.0):
        steps.append(_random_place(draw, center, zoom, size))
    return matrices.compose(*steps)


def _random_place(
    draw: dict[str, tf.Tensor], center: tuple[tf.Tensor, tf.Tensor], zoom: tf.Tensor, size: Sides
) -> tf.Tensor:
    """Slides the canvas over a zoomed image; a smaller image slides over the canvas."""
    corner = []
    for half, side, name in zip(center, size[::-1], ("crop_x", "crop_y"), strict=True):
        start = half * (1.0 - zoom)
        free = 2.0 * half * zoom - tf.cast(side, tf.float64)
        # Whole pixels: an unturned crop at native scale is then an exact copy.
        corner.append(start + tf.round(draw[name] * free))
    return matrices.crop(*corner)
