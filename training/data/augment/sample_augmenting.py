"""Random augmentation of a sample, for training."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence

import tensorflow as tf

from training.data.augment import matrices, photometric
from training.data.augment.augmentation import REFLECT, RESIZE_RULES, Augmentation
from training.data.augment.crops import random_window
from training.data.augment.elastic import elastic_field
from training.data.augment.erasing import erase
from training.data.augment.geometry import as_tensors, read_masks, source_size, transform_sample
from training.data.augment.random_draws import ELASTIC, GREY, NOISE, PHOTOMETRIC, draws, stream
from training.data.augment.random_matrix import random_matrix
from training.data.augment.resampling import Size, covers, inside, source_positions, window_mask
from training.data.value_checks import check_size
from zoo.argument_checks import check_choice

PHOTOMETRIC_DRAWS = ("brightness", "contrast", "gamma", "saturation", "hue", "blur", "noise")
PHOTOMETRIC_CHANGES = (*PHOTOMETRIC_DRAWS[:5], "grey", "blur", "noise")
LINEAR = ("brightness", "contrast", "saturation")
"""Consecutive changes among these are applied in one pass over the image."""


@tf.autograph.experimental.do_not_convert
def augment(
    sample: dict,
    seed: tf.Tensor,
    augmentation: Augmentation,
    size: Size,
    resize: str = "letterbox",
    flip_pairs: Sequence[tuple[int, int]] | None = None,
    mask_size: int | None = None,
) -> dict:
    """Augments a sample and resizes it to the model input.

    Everything is transformed by one matrix (and at most one displacement field) and resampled once.
    The image is float32 in 0..255. Objects are transformed and dropped as in `apply_matrix`. Mixing
    of several samples is done by `combine`.

    Args:
        sample: sample of the schema.
        seed: (2,) integer seed, on which alone the result depends.
        augmentation: ranges of the augmentation.
        size: height and width of the model input in pixels.
        resize: `"letterbox"` keeps the aspect ratio and pads at the bottom and right, `"stretch"`
            resizes to `size`, `"crop"` keeps the scale and takes a random window, padded where the
            image is smaller.
        flip_pairs: indices of the (left, right) keypoints that a flip swaps.
        mask_size: cells per side of the masks; None for those of the sample.

    Raises:
        InputError: if an argument is out of range, or keypoints may be flipped without
            `flip_pairs`.
    """
    size = check_size("size", size)
    check_choice("resize", resize, RESIZE_RULES)
    augmented = augment_lazily(sample, seed, augmentation, size, resize, flip_pairs)
    return read_masks(erase(augmented, seed, augmentation, size), mask_size)


def augment_lazily(
    sample: dict,
    seed: tf.Tensor,
    augmentation: Augmentation,
    size: Size,
    resize: str,
    flip_pairs: Sequence[tuple[int, int]] | None,
    tile: tf.Tensor | None = None,
) -> dict:
    """Augments a sample without erasing, with `masks` as `ObjectMasks` for `read_masks`.

    `tile` is the (4,) int32 `xyxy` part of the model input that the sample fills; None for all.
    """
    sample = as_tensors(sample)
    source = source_size(sample)
    matrix = matrix_of(sample, seed, augmentation, size, resize, tile)
    field = None
    if augmentation.elastic > 0:
        field = elastic_field(stream(seed, ELASTIC), augmentation.elastic, size)
    moved = transform_sample(
        sample,
        matrix,
        size,
        fill=augmentation.fill,
        flipped=augmentation.flips,
        flip_pairs=flip_pairs,
        min_visible=augmentation.min_visible,
        field=field,
        window=tile,
    )
    if "image" in moved and any(getattr(augmentation, name) > 0 for name in PHOTOMETRIC_CHANGES):
        image = moved["image"]

        def padded() -> tf.Tensor:
            valid = inside(*source_positions(matrix, size, field), source)
            valid = valid if tile is None else valid & window_mask(tile, size)
            return _change_colors(image, valid, seed, augmentation)

        if field is None and tile is None:
            full = covers(matrix, size, source)
            image = tf.cond(full, lambda: _change_colors(image, None, seed, augmentation), padded)
        else:
            image = padded()
        moved["image"] = image
    return moved


def matrix_of(
    sample: dict,
    seed: tf.Tensor,
    augmentation: Augmentation,
    size: Size,
    resize: str,
    tile: tf.Tensor | None = None,
) -> tf.Tensor:
    """Draws the (3, 3) float64 matrix from the sample's pixels to the model input."""
    window = random_window(seed, augmentation, sample, source_size(sample))
    if tile is None:
        return random_matrix(seed, augmentation, window, size, resize)
    sides = (tile[3] - tile[1], tile[2] - tile[0])
    return matrices.compose(
        random_matrix(seed, augmentation, window, sides, resize),
        matrices.translation(tile[0], tile[1]),
    )


def _change_colors(
    image: tf.Tensor, valid: tf.Tensor | None, seed: tf.Tensor, augmentation: Augmentation
) -> tf.Tensor:
    """Applies the `PHOTOMETRIC_CHANGES` in that order, except to constant padding.

    `valid` is the (H, W) bool mask of pixels that are not padding; None where there is none.
    """
    draw = draws(seed, PHOTOMETRIC, PHOTOMETRIC_DRAWS)
    grey = draws(seed, GREY, ("chance",))["chance"] < augmentation.grey
    padded = image

    def spread(name: str) -> tf.Tensor:
        return tf.cast((2.0 * draw[name] - 1.0) * getattr(augmentation, name), tf.float32)

    def amount(name: str) -> tf.Tensor:
        return tf.cast(draw[name] * getattr(augmentation, name), tf.float32)

    def linear(x: tf.Tensor, names: Sequence[str]) -> tf.Tensor:
        matrix = photometric.ColorMatrix.identity(x)
        if "brightness" in names:
            matrix = matrix.brightness(spread("brightness"))
        if "contrast" in names:
            means = photometric.channel_means(x, valid)
            matrix = matrix.contrast(1.0 + spread("contrast"), means)
        if "saturation" in names:
            matrix = matrix.saturation(1.0 + spread("saturation"))
        return matrix.apply(x)

    changes = {
        "gamma": lambda x: photometric.gamma(x, 1.0 + spread("gamma")),
        "hue": lambda x: photometric.hue(x, spread("hue")),
        "grey": lambda x: tf.where(grey, photometric.grey(x), x),
        "blur": lambda x: photometric.blur(x, amount("blur"), math.ceil(3 * augmentation.blur)),
        "noise": lambda x: photometric.gaussian_noise(x, amount("noise"), stream(seed, NOISE)),
    }
    names = [name for name in PHOTOMETRIC_CHANGES if getattr(augmentation, name) > 0]
    for is_linear, group in itertools.groupby(names, LINEAR.__contains__):
        if is_linear:
            image = linear(image, tuple(group))
            continue
        for name in group:
            image = changes[name](image)
    if valid is None or augmentation.fill == REFLECT:
        return image
    return tf.where(valid[..., None], image, padded)
