"""Random crops, some of them guided by the objects.

`"min_iou"`: Liu et al., "SSD: Single Shot MultiBox Detector", ECCV 2016: the whole image, a window
with an IoU of at least 0.1, 0.3, 0.5, 0.7 or 0.9 with some object, or any window, with equal
probability. `"object"`: a window that contains one randomly drawn object. `"random"`: any window.
"""

from __future__ import annotations

import tensorflow as tf

from training.data.augment.annotation_geometry import areas, clip_boxes
from training.data.augment.augmentation import Augmentation
from training.data.augment.random_draws import CROP, draws, stream
from zoo.errors import InputError

WHOLE = "none"
MIN_IOUS = (0.1, 0.3, 0.5, 0.7, 0.9)
TRIALS = 50
# Smallest and largest ratio of width to height of a window.
ASPECTS = (0.5, 2.0)


def random_window(
    seed: tf.Tensor, augmentation: Augmentation, sample: dict, source: tf.Tensor
) -> tf.Tensor:
    """Draws a crop, (4,) int32 `xyxy`, of an image of `source` = [height, width].

    It is the first valid one of `TRIALS`, or else the whole image. Crowd regions and padding are
    not objects; without objects every window is valid.
    """
    height, width = tf.unstack(tf.cast(source, tf.float64))
    whole = tf.stack([tf.zeros_like(width), tf.zeros_like(width), width, height])
    if augmentation.crop == WHOLE:
        return tf.cast(whole, tf.int32)
    windows = _windows(seed, augmentation.crop_sides, height, width)
    aspects = (windows[:, 2] - windows[:, 0]) / (windows[:, 3] - windows[:, 1])
    valid = (aspects >= ASPECTS[0]) & (aspects <= ASPECTS[1])
    draw = draws(seed, CROP, ("mode", "object"))
    if augmentation.crop == "min_iou":
        boxes = clip_boxes(_objects(sample, augmentation.crop), whole)
        mode = tf.cast(draw["mode"] * (len(MIN_IOUS) + 2), tf.int32)
        least = tf.gather(tf.constant([0.0, *MIN_IOUS, 0.0], tf.float64), mode)
        best = tf.reduce_max(_ious(windows, boxes), axis=1)
        valid &= (mode > 0) & ((best >= least) | (tf.shape(boxes)[0] == 0))
    elif augmentation.crop == "object":
        boxes = clip_boxes(_objects(sample, augmentation.crop), whole)
        windows = _around(windows, boxes, draw["object"], height, width)
    first = tf.gather(windows, tf.argmax(tf.cast(valid, tf.int32)))
    return tf.cast(tf.where(tf.reduce_any(valid), first, whole), tf.int32)


def _windows(
    seed: tf.Tensor, sides: tuple[float, float], height: tf.Tensor, width: tf.Tensor
) -> tf.Tensor:
    """Draws (TRIALS, 4) float64 `xyxy` windows of whole pixels."""
    draw = tf.random.stateless_uniform((TRIALS, 4), stream(stream(seed, CROP), 1), dtype=tf.float64)
    image = tf.stack([width, height])
    size = tf.round((sides[0] + (sides[1] - sides[0]) * draw[:, :2]) * image)
    size = tf.clip_by_value(size, 1.0, image)
    corner = tf.floor(draw[:, 2:] * (image - size + 1.0))
    return tf.concat([corner, corner + size], axis=-1)


def _objects(sample: dict, crop: str) -> tf.Tensor:
    """Returns (n, 4) float64 boxes of the objects that guide the crop."""
    if "boxes" not in sample:
        if "box" not in sample:
            raise InputError(f"augmentation.crop={crop!r}: the sample has no boxes; use 'random'.")
        boxes = tf.cast(sample["box"][None], tf.float64)
        return tf.boolean_mask(boxes, areas(boxes) > 0)
    boxes = tf.cast(sample["boxes"], tf.float64)
    present = areas(boxes) > 0
    if "labels" in sample:
        present &= sample["labels"] >= 0
    if "crowd" in sample:
        present &= ~sample["crowd"]
    return tf.boolean_mask(boxes, present)


def _ious(windows: tf.Tensor, boxes: tf.Tensor) -> tf.Tensor:
    """Returns (T, N) IoUs of windows and boxes."""
    lower = tf.maximum(windows[:, None, :2], boxes[None, :, :2])
    upper = tf.minimum(windows[:, None, 2:], boxes[None, :, 2:])
    shared = tf.reduce_prod(tf.maximum(upper - lower, 0.0), axis=-1)
    return shared / (areas(windows)[:, None] + areas(boxes)[None] - shared)


def _around(
    windows: tf.Tensor, boxes: tf.Tensor, draw: tf.Tensor, height: tf.Tensor, width: tf.Tensor
) -> tf.Tensor:
    """Enlarges and shifts the windows minimally until each contains the drawn object."""
    count = tf.shape(boxes)[0]
    whole = tf.stack([tf.zeros_like(width), tf.zeros_like(width), width, height])
    number = tf.cast(draw * tf.cast(count, tf.float64), tf.int32)
    box = tf.concat([boxes, whole[None]], axis=0)[number]
    lower, upper = tf.floor(box[:2]), tf.math.ceil(box[2:])
    size = tf.maximum(windows[:, 2:] - windows[:, :2], upper - lower)
    corner = tf.clip_by_value(windows[:, :2], tf.maximum(upper - size, 0.0), lower)
    corner = tf.minimum(corner, tf.stack([width, height]) - size)
    return tf.where(count > 0, tf.concat([corner, corner + size], axis=-1), windows)
