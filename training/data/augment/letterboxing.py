"""The fixed door to the canvas, of evaluation and serving."""

from __future__ import annotations

import tensorflow as tf

from training.data.augment import matrices
from training.data.augment.geometry import (
    MAP_FILLS,
    PIXEL_KEYS,
    apply_matrix,
    as_tensors,
    check_size,
    source_size,
)
from training.data.augment.lazy_image import LazyImage
from training.data.augment.random_matrix import RESIZE_RULES, placed
from training.data.augment.resampling import Size
from zoo.errors import InputError


def check_resize(resize: str) -> None:
    """Raises InputError unless `fit` is one of `RESIZE_RULES`."""
    if resize not in RESIZE_RULES:
        raise InputError(f"fit must be one of {', '.join(RESIZE_RULES)}, not {resize!r}")


@tf.autograph.experimental.do_not_convert
def place(
    sample: dict, size: Size, resize: str = "letterbox", mask_size: int | None = None
) -> dict:
    """`sample` on a canvas of `size` = (height, width) pixels, without any chance.

    resize: "letterbox" resizes to `letterbox_size` and pads bottom and right; "stretch"
        resizes to the canvas; "crop" keeps the scale, cuts the middle where the image is larger
        and pads at the bottom and at the right where it is smaller.

    The image is resized as the serving graph does it, bilinear with anti-aliasing, and padded
    with 0; maps are read at the nearest pixel centre and padded with 255 (segmentation) and 0
    (instances). Boxes without area on the canvas become padding (label -1); `mask_size` is as in
    `apply_matrix`. Raises InputError on bad arguments.
    """
    size = check_size(size)
    check_resize(resize)
    if isinstance(sample.get("image"), LazyImage):
        sample = {**sample, "image": sample["image"].whole()}
    sample = as_tensors(sample)
    source = source_size(sample)
    target, matrix = placed(source, size, resize)
    target = tf.cast(target, tf.int32)
    start = tf.maximum(target - size, 0) // 2 if resize == "crop" else tf.zeros(2, tf.int32)
    matrix = matrices.compose(matrix, matrices.crop(start[1], start[0]))
    others = {key: value for key, value in sample.items() if key not in PIXEL_KEYS}
    moved = apply_matrix(others, matrix, size, min_kept=0.0, mask_size=mask_size)
    for key in PIXEL_KEYS:
        if key in sample:
            moved[key] = _place_pixels(sample[key], target, start, size, MAP_FILLS.get(key))
    return moved


def _place_pixels(
    pixels: tf.Tensor, target: tf.Tensor, start: tf.Tensor, size: Size, map_fill: int | None
) -> tf.Tensor:
    """An image (`map_fill` None) or a label map resized, cut from `start` and padded."""
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
