"""The random affine matrix of a sample."""

from __future__ import annotations

from typing import Any

import tensorflow as tf

from training.data.augment import matrices
from training.data.augment.augmentation import Augmentation
from training.data.augment.random_draws import GEOMETRY, JITTER, draws

# The resize rule of a mosaic's tiles, which have no padding.
COVER = "cover"
# Integers for the model input, tensors for a tile of it.
Sides = tuple[Any, Any]

_NAMES = (
    "flip_horizontal", "flip_vertical", "rotate", "shear", "scale",
    "translate_x", "translate_y", "crop_x", "crop_y",
)  # fmt: skip


def resize_matrix(source: tf.Tensor, size: Sides, resize: str) -> tuple[tf.Tensor, tf.Tensor]:
    """Returns the (2,) float64 height and width of the resized image, and its matrix."""
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
    """Draws the (3, 3) float64 matrix from an image to the model input or a tile.

    The crop `window` (4,) is resized, then flipped, zoomed, sheared and rotated about its center,
    then translated. With `"crop"`, `"cover"` and large-scale jitter the model input is a random
    crop of the result.
    """
    draw = draws(seed, GEOMETRY, _NAMES)
    sides, base = resize_matrix(
        tf.stack([window[3] - window[1], window[2] - window[0]]), size, resize
    )
    height, width = tf.unstack(sides)
    center = (width / 2, height / 2)

    def spread(name: str, largest: float) -> tf.Tensor:
        return (2.0 * draw[name] - 1.0) * largest

    smallest, largest = augmentation.scale
    zoom = smallest * (largest / smallest) ** draw["scale"]
    least, most = augmentation.scale_jitter
    zoom *= least + (most - least) * draws(seed, JITTER, ("zoom",))["zoom"]
    flip_x = tf.where(draw["flip_horizontal"] < augmentation.flip_horizontal, -1.0, 1.0)
    flip_y = tf.where(draw["flip_vertical"] < augmentation.flip_vertical, -1.0, 1.0)
    flip = tf.cast(tf.stack([flip_x, flip_y]), tf.float64)
    steps = [base] if augmentation.crop == "none" else [matrices.crop(window[0], window[1]), base]
    jittered = augmentation.scale_jitter != (1.0, 1.0)
    # Disabled transforms cost no time.
    if augmentation.flips or jittered or augmentation.scale != (1.0, 1.0):
        zoomed = matrices.scaling(zoom * flip[0], zoom * flip[1])
        steps.append(matrices.about(center, zoomed))
    if augmentation.shear:
        steps.append(matrices.shearing(spread("shear", augmentation.shear), center))
    if augmentation.rotate:
        steps.append(matrices.rotation(spread("rotate", augmentation.rotate), center))
    if augmentation.translate:
        right = spread("translate_x", augmentation.translate) * width
        down = spread("translate_y", augmentation.translate) * height
        steps.append(matrices.translation(right, down))
    if resize in ("crop", COVER) or jittered:
        steps.append(_random_offset(draw, center, zoom, size))
    return matrices.compose(*steps)


def _random_offset(
    draw: dict[str, tf.Tensor], center: tuple[tf.Tensor, tf.Tensor], zoom: tf.Tensor, size: Sides
) -> tf.Tensor:
    """Returns a random offset of the model input within a zoomed image, or the reverse."""
    corner = []
    for half, side, name in zip(center, size[::-1], ("crop_x", "crop_y"), strict=True):
        start = half * (1.0 - zoom)
        free = 2.0 * half * zoom - tf.cast(side, tf.float64)
        # Whole pixels make an unrotated crop at native scale an exact copy.
        corner.append(start + tf.round(draw[name] * free))
    return matrices.crop(*corner)
