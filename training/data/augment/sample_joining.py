"""The three ways of joining samples that are on the canvas already; see `combine`."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence

import tensorflow as tf

from training.data.augment.annotation_geometry import (
    ROW_PADDING,
    areas,
    drop_objects,
    hide_keypoints,
    is_rows,
    least_kept,
)
from training.data.augment.augmenting import on_tile
from training.data.augment.geometry import MAP_FILLS, with_masks
from training.data.augment.mask_geometry import EXTENT_CELLS, ObjectMasks, cell_centers
from training.data.augment.random_draws import COMBINE, PASTE, draws, stream
from training.data.augment.resampling import Size
from zoo.errors import InputError

# What only a single image has, and what is no longer defined where two are blended. Keypoints
# are meant that belong to one person, not to rows of objects.
SINGLE = ("label", "box", "keypoints", "proposals")
BLENDED_OUT = tuple(MAP_FILLS)
# The point where four images meet lies in the middle half of the canvas.
MIDDLE = 0.5
# Chance of each object of the second image to be pasted.
PASTED = 0.5


def tiled(
    varied: Callable[[int, tf.Tensor], dict], seed: tf.Tensor, size: Size, mask_size: int | None
) -> dict:
    """A mosaic. `varied(number, tile)` gives one of four samples, placed on a (4,) int32 `xyxy`
    tile of the canvas."""
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
        parts.append((on_tile(tile, size), with_masks(varied(number, tile), mask_size)))
    joined = parts[0][1]
    for shown, part in parts[1:]:
        joined = _laid_over(joined, part, shown)
    return _rows_of([part for _, part in parts], joined)


def blend(first: dict, second: dict, seed: tf.Tensor, alpha: float, mask_size: int | None) -> dict:
    """Mixup: the first image's share is drawn from Beta(alpha, alpha); all objects are kept."""
    parts = tf.random.stateless_gamma((2,), stream(stream(seed, COMBINE), 1), alpha)
    share = parts[0] / tf.maximum(parts[0] + parts[1], 1e-12)
    first, second = with_masks(first, mask_size), with_masks(second, mask_size)
    joined = dict(first)
    if "image" in first:
        joined["image"] = second["image"] + (first["image"] - second["image"]) * share
    return _rows_of([first, second], joined)


def paste(
    below: dict, above: dict, seed: tf.Tensor, min_kept: float, size: Size, mask_size: int | None
) -> dict:
    """Copy-paste: each object of the sample `above`, but for crowds, has an even chance to be
    pasted on the sample `below`. Both have their masks still to be read."""
    if not isinstance(above.get("masks"), ObjectMasks):
        raise InputError("augmentation copy_paste needs samples with masks")
    boxes = above["boxes"]
    chance = tf.random.stateless_uniform(tf.shape(boxes)[:1], stream(seed, PASTE))
    chosen = (chance < PASTED) & (areas(boxes) > 0)
    if "crowd" in above:
        chosen &= ~above["crowd"]
    above = drop_objects({**above, "boxes": tf.where(chosen[:, None], boxes, 0.0)}, chosen)
    front = above["masks"].painted(above["boxes"], chosen, size)
    below = _behind(below, front, min_kept)
    joined = _laid_over(below, above, front)
    parts = [with_masks(part, mask_size) for part in (below, above)]
    return _rows_of(parts, joined)


def _behind(sample: dict, front: tf.Tensor, min_kept: float) -> dict:
    """`sample` with what lies under the (H, W) bool pixels `front` out of sight.

    Masks lose what is hidden, boxes shrink to what is left, joints there are hidden, and objects
    of which less than the fraction `min_kept` of the mask is left are dropped.
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
    share = tf.where(before > 0, after / tf.maximum(before, 1.0), 1.0)
    share = tf.scatter_nd(rows[:, None], share, tf.shape(boxes, tf.int64)[:1])
    kept = (share > 0) & (share >= tf.cast(least_kept(sample, min_kept), tf.float32))
    changed = {**sample, "masks": left, "boxes": left.hug(boxes, kept & (share < 1))}
    if is_rows("keypoints", sample):
        changed["keypoints"] = hide_keypoints(sample["keypoints"], front)
    return drop_objects(changed, kept & (areas(changed["boxes"]) > 0))


def _laid_over(below: dict, above: dict, shown: tf.Tensor) -> dict:
    """`below` with the image and maps of `above` at the (H, W) bool pixels `shown`."""
    joined = dict(below)
    if "image" in below:
        joined["image"] = tf.where(shown[..., None], above["image"], below["image"])
    for key in MAP_FILLS:
        if key not in below:
            continue
        values = above[key]
        if key == "instances":
            # Objects of two images must not share a number.
            values = tf.where(values > 0, values + tf.reduce_max(below[key]), values)
        joined[key] = tf.where(shown, values, below[key])
    return joined


def _rows_of(parts: Sequence[dict], joined: dict) -> dict:
    """`joined` with the objects of all `parts`, one after the other."""
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
