"""The random door to the canvas, of training; `placing` is the fixed one."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence

import tensorflow as tf

from training.data.augment import matrices, photometric
from training.data.augment.augmentation import Augmentation
from training.data.augment.crops import random_window
from training.data.augment.elastic import elastic_field
from training.data.augment.erasing import erase
from training.data.augment.geometry import (
    as_tensors,
    check_size,
    source_size,
    transform,
    with_masks,
)
from training.data.augment.letterboxing import check_resize
from training.data.augment.random_draws import ELASTIC, GREY, NOISE, PHOTOMETRIC, draws, stream
from training.data.augment.random_matrix import random_matrix
from training.data.augment.resampling import REFLECT, Size, covers, inside, source_positions

PHOTOMETRIC_DRAWS = ("brightness", "contrast", "gamma", "saturation", "hue", "blur", "noise")
RECOLOURINGS = ("brightness", "contrast", "gamma", "saturation", "hue", "grey", "blur", "noise")
MIXES = ("brightness", "contrast", "saturation")
"""Neighbours among these are carried out in one pass over the image."""


@tf.autograph.experimental.do_not_convert
def augment(
    sample: dict,
    seed: tf.Tensor,
    augmentation: Augmentation,
    size: Size,
    resize: str = "letterbox",
    joint_pairs: Sequence[tuple[int, int]] | None = None,
    mask_size: int | None = None,
) -> dict:
    """A random variant of `sample` on a canvas of `size` = (height, width) pixels.

    seed: (2,) integers; the same seed gives the same sample, in any order and in parallel.
    fit: "fit" keeps the proportions, top-left, padded; "stretch" fills the canvas; "crop" keeps
        the scale and cuts a random window, padded where the image is smaller.
    joint_pairs: (left, right) joints that change places in a mirrored image.
    mask_size: cells a side of the masks that come out; None for as many as came in.

    The image comes out as float32 in 0..255; everything is moved by one matrix (and at most one
    displacement field), resampled once. Objects are moved and dropped as in `apply_matrix`. What
    the policy does with several samples is left to `combine`. Raises InputError on bad arguments
    and on a policy that mirrors keypoints without `joint_pairs`.
    """
    size = check_size(size)
    check_resize(resize)
    moved = erase(
        vary(sample, seed, augmentation, size, resize, joint_pairs), seed, augmentation, size
    )
    return with_masks(moved, mask_size)


def vary(
    sample: dict,
    seed: tf.Tensor,
    augmentation: Augmentation,
    size: Size,
    resize: str,
    joint_pairs: Sequence[tuple[int, int]] | None,
    tile: tf.Tensor | None = None,
) -> dict:
    """A random variant without cut-out, its masks still to be read (`geometry.with_masks`).

    tile: (4,) int32 `xyxy`, the part of the canvas that the sample is placed on and on which its
        objects count; None for all of it.
    """
    sample = as_tensors(sample)
    source = source_size(sample)
    matrix = matrix_of(sample, seed, augmentation, size, resize, tile)
    field = None
    if augmentation.elastic > 0:
        field = elastic_field(stream(seed, ELASTIC), augmentation.elastic, size)
    moved = transform(
        sample,
        matrix,
        size,
        fill=augmentation.fill,
        flipped=augmentation.reflects,
        joint_pairs=joint_pairs,
        min_kept=augmentation.min_kept,
        field=field,
        window=tile,
    )
    if "image" in moved and any(getattr(augmentation, name) > 0 for name in RECOLOURINGS):
        image = moved["image"]

        def padded() -> tf.Tensor:
            valid = inside(*source_positions(matrix, size, field), source)
            valid = valid if tile is None else valid & on_tile(tile, size)
            return _recolour(image, valid, seed, augmentation)

        if field is None and tile is None:
            full = covers(matrix, size, source)
            image = tf.cond(full, lambda: _recolour(image, None, seed, augmentation), padded)
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
    """(3, 3) float64 from the sample's pixels to the canvas, as `vary` draws it."""
    window = random_window(seed, augmentation, sample, source_size(sample))
    if tile is None:
        return random_matrix(seed, augmentation, window, size, resize)
    sides = (tile[3] - tile[1], tile[2] - tile[0])
    return matrices.compose(
        random_matrix(seed, augmentation, window, sides, resize),
        matrices.translation(tile[0], tile[1]),
    )


def on_tile(tile: tf.Tensor, size: Size) -> tf.Tensor:
    """(H, W) bool: the pixels of a canvas of `size` in a (4,) int32 `xyxy` tile."""
    x, y = tf.range(size[1])[None], tf.range(size[0])[:, None]
    return (x >= tile[0]) & (x < tile[2]) & (y >= tile[1]) & (y < tile[3])


def _recolour(
    image: tf.Tensor, valid: tf.Tensor | None, seed: tf.Tensor, augmentation: Augmentation
) -> tf.Tensor:
    """The policy's `RECOLOURINGS` in that order; constant padding stays as it is.

    valid: (H, W) bool, all but the padding; None where there is none.
    """
    draw = draws(seed, PHOTOMETRIC, PHOTOMETRIC_DRAWS)
    grey = draws(seed, GREY, ("chance",))["chance"] < augmentation.grey
    padded = image

    def spread(name: str) -> tf.Tensor:
        return tf.cast((2.0 * draw[name] - 1.0) * getattr(augmentation, name), tf.float32)

    def share(name: str) -> tf.Tensor:
        return tf.cast(draw[name] * getattr(augmentation, name), tf.float32)

    def mixed(x: tf.Tensor, names: Sequence[str]) -> tf.Tensor:
        mix = photometric.Mix.none(x)
        if "brightness" in names:
            mix = mix.brighter(spread("brightness"))
        if "contrast" in names:
            mix = mix.contrasted(1.0 + spread("contrast"), photometric.channel_means(x, valid))
        if "saturation" in names:
            mix = mix.saturated(1.0 + spread("saturation"))
        return mix.of(x)

    changes = {
        "gamma": lambda x: photometric.gamma(x, 1.0 + spread("gamma")),
        "hue": lambda x: photometric.hue(x, spread("hue")),
        "grey": lambda x: tf.where(grey, photometric.saturation(x, 0.0), x),
        "blur": lambda x: photometric.blur(x, share("blur"), math.ceil(3 * augmentation.blur)),
        "noise": lambda x: photometric.gaussian_noise(x, share("noise"), stream(seed, NOISE)),
    }
    wanted = [name for name in RECOLOURINGS if getattr(augmentation, name) > 0]
    for together, names in itertools.groupby(wanted, MIXES.__contains__):
        if together:
            image = mixed(image, tuple(names))
            continue
        for name in names:
            image = changes[name](image)
    if valid is None or augmentation.fill == REFLECT:
        return image
    return tf.where(valid[..., None], image, padded)
