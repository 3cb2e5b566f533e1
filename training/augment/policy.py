"""The random door to the canvas, of training; `placing` is the fixed one."""

from __future__ import annotations

import math
from collections.abc import Sequence

import tensorflow as tf

from training.augment import matrices, photometric
from training.augment.augmentation import Augmentation
from training.augment.crops import random_window
from training.augment.draws import ELASTIC, GREY, NOISE, PHOTOMETRIC, draws, stream
from training.augment.elastic import elastic_field
from training.augment.erasing import erase
from training.augment.geometry import as_tensors, check_size, source_size, transform, with_masks
from training.augment.placing import check_fit
from training.augment.random_matrix import random_matrix
from training.augment.sampling import REFLECT, Size, inside, source_positions

PHOTOMETRIC_DRAWS = ("brightness", "contrast", "gamma", "saturation", "hue", "blur", "noise")


@tf.autograph.experimental.do_not_convert
def augment(
    sample: dict,
    seed: tf.Tensor,
    policy: Augmentation,
    size: Size,
    fit: str = "fit",
    joint_pairs: Sequence[tuple[int, int]] | None = None,
    mask_size: int | None = None,
) -> dict:
    """A random variant of `sample` on a canvas of `size` = (height, width) pixels.

    seed: (2,) integers; the same seed gives the same sample, in any order and in parallel.
    fit: "fit" keeps the proportions, top-left, padded; "stretch" fills the canvas; "crop" keeps
        the scale and cuts a random window, padded where the picture is smaller.
    joint_pairs: (left, right) joints that change places in a mirrored picture.
    mask_size: cells a side of the masks that come out; None for as many as came in.

    The picture comes out as float32 in 0..255; everything is moved by one matrix (and at most one
    displacement field), resampled once. Objects are moved and dropped as in `apply_matrix`. What
    the policy does with several samples is left to `combine`. Raises InputError on bad arguments
    and on a policy that mirrors keypoints without `joint_pairs`.
    """
    size = check_size(size)
    check_fit(fit)
    moved = erase(vary(sample, seed, policy, size, fit, joint_pairs), seed, policy, size)
    return with_masks(moved, mask_size)


def vary(
    sample: dict,
    seed: tf.Tensor,
    policy: Augmentation,
    size: Size,
    fit: str,
    joint_pairs: Sequence[tuple[int, int]] | None,
    tile: tf.Tensor | None = None,
) -> dict:
    """A random variant without cut-out, its masks still to be read (`geometry.with_masks`).

    tile: (4,) int32 `xyxy`, the part of the canvas that the sample is placed on and on which its
        objects count; None for all of it.
    """
    sample = as_tensors(sample)
    source = source_size(sample)
    matrix = matrix_of(sample, seed, policy, size, fit, tile)
    field = None
    if policy.elastic > 0:
        field = elastic_field(stream(seed, ELASTIC), policy.elastic, size)
    moved = transform(
        sample,
        matrix,
        size,
        fill=policy.fill,
        flipped=policy.reflects,
        joint_pairs=joint_pairs,
        min_kept=policy.min_kept,
        field=field,
        window=tile,
    )
    recolours = policy.grey > 0 or any(getattr(policy, name) > 0 for name in PHOTOMETRIC_DRAWS)
    if "image" in moved and recolours:
        valid = inside(*source_positions(matrix, size, field), source)
        if tile is not None:
            valid &= on_tile(tile, size)
        moved["image"] = _recolour(moved["image"], valid, seed, policy)
    return moved


def matrix_of(
    sample: dict,
    seed: tf.Tensor,
    policy: Augmentation,
    size: Size,
    fit: str,
    tile: tf.Tensor | None = None,
) -> tf.Tensor:
    """(3, 3) float64 from the sample's pixels to the canvas, as `vary` draws it."""
    window = random_window(seed, policy, sample, source_size(sample))
    if tile is None:
        return random_matrix(seed, policy, window, size, fit)
    sides = (tile[3] - tile[1], tile[2] - tile[0])
    return matrices.compose(
        random_matrix(seed, policy, window, sides, fit),
        matrices.translation(tile[0], tile[1]),
    )


def on_tile(tile: tf.Tensor, size: Size) -> tf.Tensor:
    """(H, W) bool: the pixels of a canvas of `size` in a (4,) int32 `xyxy` tile."""
    x, y = tf.range(size[1])[None], tf.range(size[0])[:, None]
    return (x >= tile[0]) & (x < tile[2]) & (y >= tile[1]) & (y < tile[3])


def _recolour(
    image: tf.Tensor, valid: tf.Tensor, seed: tf.Tensor, policy: Augmentation
) -> tf.Tensor:
    """The policy's photometric changes in a fixed order; constant padding stays as it is."""
    draw = draws(seed, PHOTOMETRIC, PHOTOMETRIC_DRAWS)
    grey = draws(seed, GREY, ("chance",))["chance"] < policy.grey
    padded = image

    def spread(name: str) -> tf.Tensor:
        return tf.cast((2.0 * draw[name] - 1.0) * getattr(policy, name), tf.float32)

    def share(name: str) -> tf.Tensor:
        return tf.cast(draw[name] * getattr(policy, name), tf.float32)

    changes = {
        "brightness": lambda x: photometric.brightness(x, spread("brightness")),
        "contrast": lambda x: photometric.contrast(x, 1.0 + spread("contrast"), valid),
        "gamma": lambda x: photometric.gamma(x, 1.0 + spread("gamma")),
        "saturation": lambda x: photometric.saturation(x, 1.0 + spread("saturation")),
        "hue": lambda x: photometric.hue(x, spread("hue")),
        "grey": lambda x: tf.where(grey, photometric.saturation(x, 0.0), x),
        "blur": lambda x: photometric.blur(x, share("blur"), math.ceil(3 * policy.blur)),
        "noise": lambda x: photometric.gaussian_noise(x, share("noise"), stream(seed, NOISE)),
    }
    for name, change in changes.items():
        if getattr(policy, name) > 0:
            image = change(image)
    return image if policy.fill == REFLECT else tf.where(valid[..., None], image, padded)
