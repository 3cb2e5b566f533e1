"""The two doors through which every sample goes to its canvas.

`augment` is the random door of training; `place` is the fixed one of evaluation and serving.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import tensorflow as tf

from training.augment import matrices, photometric
from training.augment.augmentation import Augmentation
from training.augment.elastic import elastic_field
from training.augment.geometry import (
    MAP_FILLS,
    PIXEL_KEYS,
    apply_matrix,
    as_tensors,
    check_size,
    source_size,
)
from training.augment.sampling import REFLECT, Size, inside, source_positions
from zoo.errors import InputError

FITS = ("fit", "stretch", "crop")
# Each draw has its own place in the random numbers of a sample, so that switching one change on
# or off leaves all the others as they were.
GEOMETRY_DRAWS = (
    "flip_horizontal", "flip_vertical", "rotate", "shear", "scale",
    "translate_x", "translate_y", "crop_x", "crop_y",
)  # fmt: skip
PHOTOMETRIC_DRAWS = ("brightness", "contrast", "gamma", "saturation", "hue", "blur", "noise")


def _check_fit(fit: str) -> None:
    if fit not in FITS:
        raise InputError(f"fit must be one of {', '.join(FITS)}, not {fit!r}")


def _draws(seed: tf.Tensor, stream: int, names: Sequence[str]) -> dict[str, tf.Tensor]:
    """One uniform number in [0, 1) for each name."""
    values = tf.random.stateless_uniform(
        (len(names),), tf.random.fold_in(seed, stream), dtype=tf.float64
    )
    return dict(zip(names, tf.unstack(values), strict=True))


def _placed(source: tf.Tensor, size: Size, fit: str) -> tuple[tf.Tensor, tf.Tensor]:
    """(2,) float64 height and width that the picture takes on the canvas, and its matrix."""
    sides = tf.unstack(source)
    if fit == "fit":
        target = tf.stack(matrices.fit_size(sides, size))
    else:
        target = tf.constant(size) if fit == "stretch" else source
    target = tf.cast(target, tf.float64)
    return target, matrices.resize(sides, tf.unstack(target))


def random_matrix(
    seed: tf.Tensor, policy: Augmentation, source: tf.Tensor, size: Size, fit: str
) -> tf.Tensor:
    """(3, 3) float64 matrix from a picture of `source` = [height, width] to the canvas.

    The picture is placed as `fit` says, then mirrored, zoomed, sheared and turned about its own
    centre, then shifted. With "crop" the canvas is a window of random place on the result.
    """
    draw = _draws(seed, 0, GEOMETRY_DRAWS)
    placed, base = _placed(source, size, fit)
    height, width = tf.unstack(placed)
    center = (width / 2, height / 2)

    def spread(name: str, largest: float) -> tf.Tensor:
        return (2.0 * draw[name] - 1.0) * largest

    smallest, largest = policy.scale
    zoom = smallest * (largest / smallest) ** draw["scale"]
    mirror_x = tf.where(draw["flip_horizontal"] < policy.flip_horizontal, -1.0, 1.0)
    mirror_y = tf.where(draw["flip_vertical"] < policy.flip_vertical, -1.0, 1.0)
    mirror = tf.cast(tf.stack([mirror_x, mirror_y]), tf.float64)
    steps = [
        base,
        matrices.about(center, matrices.scaling(zoom * mirror[0], zoom * mirror[1])),
        matrices.shearing(spread("shear", policy.shear), center),
        matrices.rotation(spread("rotate", policy.rotate), center),
        matrices.translation(
            spread("translate_x", policy.translate) * width,
            spread("translate_y", policy.translate) * height,
        ),
    ]
    if fit == "crop":
        steps.append(_random_window(draw, center, zoom, size))
    return matrices.compose(*steps)


def _random_window(
    draw: dict[str, tf.Tensor], center: tuple[tf.Tensor, tf.Tensor], zoom: tf.Tensor, size: Size
) -> tf.Tensor:
    """Slides the canvas over a zoomed picture; a smaller picture slides over the canvas."""
    corner = []
    for half, side, name in zip(center, size[::-1], ("crop_x", "crop_y"), strict=True):
        start = half * (1.0 - zoom)
        free = 2.0 * half * zoom - side
        # Whole pixels: an unturned crop at native scale is then an exact copy.
        corner.append(start + tf.round(draw[name] * free))
    return matrices.crop(*corner)


@tf.autograph.experimental.do_not_convert
def augment(
    sample: dict,
    seed: tf.Tensor,
    policy: Augmentation,
    size: Size,
    fit: str = "fit",
    joint_pairs: Sequence[tuple[int, int]] | None = None,
) -> dict:
    """A random variant of `sample` on a canvas of `size` = (height, width) pixels.

    seed: (2,) integers; the same seed gives the same sample, in any order and in parallel.
    fit: "fit" keeps the proportions, top-left, padded; "stretch" fills the canvas; "crop" keeps
        the scale and cuts a random window, padded where the picture is smaller.
    joint_pairs: (left, right) joints that change places in a mirrored picture.

    The picture comes out as float32 in 0..255; everything is moved by one matrix (and at most one
    displacement field), resampled once. Raises InputError on bad arguments and on a policy that
    mirrors keypoints without `joint_pairs`.
    """
    size = check_size(size)
    _check_fit(fit)
    sample = as_tensors(sample)
    source = source_size(sample)
    matrix = random_matrix(seed, policy, source, size, fit)
    field = None
    if policy.elastic > 0:
        field = elastic_field(tf.random.fold_in(seed, 1), policy.elastic, size)
    moved = apply_matrix(
        sample,
        matrix,
        size,
        fill=policy.fill,
        flipped=policy.reflects,
        joint_pairs=joint_pairs,
        min_kept=policy.min_kept,
        field=field,
    )
    if "image" in moved and any(getattr(policy, name) > 0 for name in PHOTOMETRIC_DRAWS):
        valid = inside(*source_positions(matrix, size, field), source)
        moved["image"] = _recolour(moved["image"], valid, seed, policy)
    return moved


def _recolour(
    image: tf.Tensor, valid: tf.Tensor, seed: tf.Tensor, policy: Augmentation
) -> tf.Tensor:
    """The policy's photometric changes in a fixed order; constant padding stays as it is."""
    draw = _draws(seed, 2, PHOTOMETRIC_DRAWS)
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
        "blur": lambda x: photometric.blur(x, share("blur"), math.ceil(3 * policy.blur)),
        "noise": lambda x: photometric.gaussian_noise(
            x, share("noise"), tf.random.fold_in(seed, 3)
        ),
    }
    for name, change in changes.items():
        if getattr(policy, name) > 0:
            image = change(image)
    return image if policy.fill == REFLECT else tf.where(valid[..., None], image, padded)


@tf.autograph.experimental.do_not_convert
def place(sample: dict, size: Size, fit: str = "fit") -> dict:
    """`sample` on a canvas of `size` = (height, width) pixels, without any chance.

    fit: "fit" resizes to `matrices.fit_size` and pads at the bottom and at the right; "stretch"
        resizes to the canvas; "crop" keeps the scale, cuts the middle where the picture is larger
        and pads at the bottom and at the right where it is smaller.

    The picture is resized as the serving graph does it, bilinear with anti-aliasing, and padded
    with 0; maps are read at the nearest pixel centre and padded with 255 (segmentation) and 0
    (instances). Boxes without area on the canvas become padding (label -1). Raises InputError on
    bad arguments.
    """
    size = check_size(size)
    _check_fit(fit)
    sample = as_tensors(sample)
    source = source_size(sample)
    target, matrix = _placed(source, size, fit)
    target = tf.cast(target, tf.int32)
    start = tf.maximum(target - size, 0) // 2 if fit == "crop" else tf.zeros(2, tf.int32)
    matrix = matrices.compose(matrix, matrices.crop(start[1], start[0]))
    others = {key: value for key, value in sample.items() if key not in PIXEL_KEYS}
    placed = apply_matrix(others, matrix, size, min_kept=0.0)
    for key in PIXEL_KEYS:
        if key in sample:
            placed[key] = _place_pixels(sample[key], target, start, size, MAP_FILLS.get(key))
    return placed


def _place_pixels(
    pixels: tf.Tensor, target: tf.Tensor, start: tf.Tensor, size: Size, map_fill: int | None
) -> tf.Tensor:
    """A picture (`map_fill` None) or a label map resized, cut from `start` and padded."""
    if map_fill is None:
        resized = tf.cast(tf.image.resize(pixels, target, antialias=True), tf.float32)
    else:
        resized = tf.image.resize(pixels[..., None], target, method="nearest")
    cut = resized[start[0] : start[0] + size[0], start[1] : start[1] + size[1]]
    missing = tf.constant(size) - tf.shape(cut)[:2]
    padding = [[0, missing[0]], [0, missing[1]], [0, 0]]
    canvas = tf.pad(cut, padding, constant_values=tf.cast(map_fill or 0, cut.dtype))
    canvas = tf.ensure_shape(canvas, (*size, resized.shape[-1]))
    return canvas if map_fill is None else canvas[..., 0]
