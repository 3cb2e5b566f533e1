"""Mosaic, mixup and copy-paste of samples at the model input size; see `combine`."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence

import tensorflow as tf

from training.data.augment.annotation_geometry import (
    ROW_PADDING,
    areas,
    hide_keypoints,
    is_rows,
    keep_objects,
    min_visible_of,
)
from training.data.augment.geometry import MAP_FILLS, read_masks
from training.data.augment.mask_geometry import EXTENT_CELLS, ObjectMasks, cell_centers
from training.data.augment.random_draws import MIX, PASTE, draws, stream
from training.data.augment.resampling import Size, window_mask
from zoo.errors import InputError

# The point where four images meet lies in the middle half of the model input.
MIDDLE = 0.5
PASTE_PROBABILITY = 0.5


def mosaic(
    augmented: Callable[[int, tf.Tensor], dict], seed: tf.Tensor, size: Size, mask_size: int | None
) -> dict:
    """Returns a mosaic of four samples.

    `augmented` maps the index of a sample and its (4,) int32 `xyxy` tile to the augmented sample.
    """
    height, width = size
    draw = draws(seed, PASTE, ("x", "y"))
    x, y = (
        tf.cast(tf.round(side * (0.5 + MIDDLE * (draw[name] - 0.5))), tf.int32)
        for side, name in ((width, "x"), (height, "y"))
    )
    tiles = [(0, 0, x, y), (x, 0, width, y), (0, y, x, height), (x, y, width, height)]
    parts = []
    for number, corners in enumerate(tiles):
        tile = tf.stack([tf.cast(corner, tf.int32) for corner in corners])
        parts.append((window_mask(tile, size), read_masks(augmented(number, tile), mask_size)))
    joined = parts[0][1]
    for mask, part in parts[1:]:
        joined = _overlay(joined, part, mask)
    return _with_all_objects([part for _, part in parts], joined)


def mixup(first: dict, second: dict, seed: tf.Tensor, alpha: float, mask_size: int | None) -> dict:
    """Blends two images by a factor from Beta(alpha, alpha), with the objects of both."""
    parts = tf.random.stateless_gamma((2,), stream(stream(seed, MIX), 1), alpha)
    factor = parts[0] / tf.maximum(parts[0] + parts[1], 1e-12)
    first, second = read_masks(first, mask_size), read_masks(second, mask_size)
    joined = dict(first)
    if "image" in first:
        joined["image"] = second["image"] + (first["image"] - second["image"]) * factor
    return _with_all_objects([first, second], joined)


def copy_paste(
    below: dict, above: dict, seed: tf.Tensor, min_visible: float, size: Size, mask_size: int | None
) -> dict:
    """Pastes each object of `above` on `below` with probability 0.5, by its mask.

    Crowds and objects without outline are not pasted.
    """
    if not isinstance(above.get("masks"), ObjectMasks):
        raise InputError("augmentation.copy_paste: the samples have no masks.")
    boxes = above["boxes"]
    chance = tf.random.stateless_uniform(tf.shape(boxes)[:1], stream(seed, PASTE))
    chosen = (chance < PASTE_PROBABILITY) & (areas(boxes) > 0) & above["masks"].outlined
    if "crowd" in above:
        chosen &= ~above["crowd"]
    above = keep_objects({**above, "boxes": tf.where(chosen[:, None], boxes, 0.0)}, chosen)
    front = above["masks"].painted(above["boxes"], chosen, size)
    below = _occlude(below, front, min_visible)
    joined = _overlay(below, above, front)
    parts = [read_masks(part, mask_size) for part in (below, above)]
    return _with_all_objects(parts, joined)


def _occlude(sample: dict, front: tf.Tensor, min_visible: float) -> dict:
    """Hides the objects of a sample behind the (H, W) bool pixels `front`.

    Masks lose the hidden pixels, boxes shrink to the visible part, keypoints become hidden, and
    objects with less than the fraction `min_visible` of their mask left are dropped.
    """
    masks = sample["masks"]
    left = dataclasses.replace(masks, hidden=front)
    boxes = sample["boxes"]
    rows = tf.where(areas(boxes) > 0)[:, 0]
    points = cell_centers(tf.gather(boxes, rows), EXTENT_CELLS, EXTENT_CELLS)
    before, after = (
        tf.reduce_sum(tf.cast(reader.at(points, rows), tf.float32), axis=(1, 2))
        for reader in (masks, left)
    )
    fraction = tf.where(before > 0, after / tf.maximum(before, 1.0), 1.0)
    fraction = tf.scatter_nd(rows[:, None], fraction, tf.shape(boxes, tf.int64)[:1])
    least = tf.cast(min_visible_of(sample, min_visible), tf.float32)
    visible = (fraction > 0) & (fraction >= least)
    changed = {**sample, "masks": left, "boxes": left.tighten(boxes, visible & (fraction < 1))}
    if is_rows("keypoints", sample):
        changed["keypoints"] = hide_keypoints(sample["keypoints"], front)
    return keep_objects(changed, visible & (areas(changed["boxes"]) > 0))


def _overlay(below: dict, above: dict, mask: tf.Tensor) -> dict:
    """Returns `below` with the image and maps of `above` at the (H, W) bool pixels `mask`."""
    joined = dict(below)
    if "image" in below:
        joined["image"] = tf.where(mask[..., None], above["image"], below["image"])
    for key in MAP_FILLS:
        if key not in below:
            continue
        values = above[key]
        if key == "instances":
            # Objects of two images must not have the same number.
            values = tf.where(values > 0, values + tf.reduce_max(below[key]), values)
        joined[key] = tf.where(mask, values, below[key])
    return joined


def _with_all_objects(parts: Sequence[dict], joined: dict) -> dict:
    """Returns `joined` with the concatenated objects of all `parts`."""
    for key in ROW_PADDING:
        if is_rows(key, parts[0]):
            joined = {**joined, key: _concatenated(key, [part[key] for part in parts])}
    return joined


def _concatenated(key: str, values: Sequence[tf.Tensor]) -> tf.Tensor:
    values = [tf.convert_to_tensor(value) for value in values]
    if key == "captions":
        longest = tf.reduce_max([tf.shape(value)[1] for value in values])
        same = len({value.shape[1] for value in values}) == 1
        length = values[0].shape[1] if same else None
        padded = [tf.pad(value, [[0, 0], [0, longest - tf.shape(value)[1]]]) for value in values]
        values = [tf.ensure_shape(value, (None, length)) for value in padded]
    return tf.concat(values, axis=0)
