"""Deterministic resizing of samples, for validation."""

from __future__ import annotations

import tensorflow as tf

from training.data.augment import matrices
from training.data.augment.augmentation import RESIZE_RULES
from training.data.augment.geometry import (
    MAP_FILLS,
    PIXEL_KEYS,
    apply_matrix,
    as_tensors,
    source_size,
)
from training.data.augment.lazy_image import LazyImage
from training.data.augment.random_matrix import resize_matrix
from training.data.augment.resampling import Size
from training.data.value_checks import check_size
from zoo.argument_checks import check_choice


@tf.autograph.experimental.do_not_convert
def resize_sample(
    sample: dict, size: Size, resize: str = "letterbox", mask_size: int | None = None
) -> dict:
    """Resizes a sample to the model input size, as the serving graph does.

    The image is resized bilinearly with anti-aliasing and padded with 0; maps are resized to the
    nearest pixel and padded with 255 (segmentation) and 0 (instances). Boxes that lose their area
    become padding (label −1).

    Args:
        sample: sample with pixels.
        size: height and width of the model input in pixels.
        resize: `"letterbox"` resizes to `letterbox_size` and pads at the bottom and right;
            `"stretch"` resizes to `size`; `"crop"` keeps the scale, crops the center where the
            image is larger and pads at the bottom and right where it is smaller.
        mask_size: cells per side of the masks; None for those of the sample.

    Raises:
        InputError: if an argument is out of range.
    """
    size = check_size("size", size)
    check_choice("resize", resize, RESIZE_RULES)
    if isinstance(sample.get("image"), LazyImage):
        sample = {**sample, "image": sample["image"].decode()}
    sample = as_tensors(sample)
    source = source_size(sample)
    target, matrix = resize_matrix(source, size, resize)
    target = tf.cast(target, tf.int32)
    start = tf.maximum(target - size, 0) // 2 if resize == "crop" else tf.zeros(2, tf.int32)
    matrix = matrices.compose(matrix, matrices.crop(start[1], start[0]))
    others = {key: value for key, value in sample.items() if key not in PIXEL_KEYS}
    moved = apply_matrix(others, matrix, size, min_visible=0.0, mask_size=mask_size)
    for key in PIXEL_KEYS:
        if key in sample:
            moved[key] = _resize_pixels(sample[key], target, start, size, MAP_FILLS.get(key))
    return moved


def _resize_pixels(
    pixels: tf.Tensor, target: tf.Tensor, start: tf.Tensor, size: Size, map_fill: int | None
) -> tf.Tensor:
    """Resizes an image (`map_fill` None) or a label map, crops it from `start` and pads it."""
    if map_fill is None:
        resized = tf.cast(tf.image.resize(pixels, target, antialias=True), tf.float32)
    else:
        resized = tf.image.resize(pixels[..., None], target, method="nearest")
    cut = resized[start[0] : start[0] + size[0], start[1] : start[1] + size[1]]
    missing = tf.constant(size) - tf.shape(cut)[:2]
    padding = [[0, missing[0]], [0, missing[1]], [0, 0]]
    padded = tf.pad(cut, padding, constant_values=tf.cast(map_fill or 0, cut.dtype))
    padded = tf.ensure_shape(padded, (*size, resized.shape[-1]))
    return padded if map_fill is None else padded[..., 0]
