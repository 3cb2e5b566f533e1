"""Cut-out: a random rectangle of the canvas is painted over.

DeVries, Taylor, "Improved Regularization of Convolutional Neural Networks with Cutout", 2017;
Zhong et al., "Random Erasing Data Augmentation", AAAI 2020, from which come area and proportions.
"""

from __future__ import annotations

import tensorflow as tf

from training.data.augment.annotation_geometry import (
    areas,
    drop_objects,
    hide_keypoints,
    least_kept,
)
from training.data.augment.augmentation import Augmentation
from training.data.augment.random_draws import ERASE, draws
from training.data.augment.resampling import Size
from zoo.tasks.sample_schema import IGNORE

# Flattest and tallest rectangle, as height over width.
ASPECTS = (0.3, 1 / 0.3)


def erase(sample: dict, seed: tf.Tensor, augmentation: Augmentation, size: Size) -> dict:
    """`sample`, already on its canvas of `size`, with a rectangle painted over by chance.

    Objects of which less than `policy.min_kept` of the box is left in sight are dropped, joints
    under the rectangle are hidden; boxes and masks say where an object is, seen or not. Under
    `policy.erase_ignore` the class map ignores the rectangle.
    """
    if augmentation.erase <= 0:
        return sample
    rectangle = _rectangle(seed, augmentation, size)
    left, top, right, bottom = tf.unstack(tf.cast(rectangle, tf.int32))
    x, y = tf.range(size[1])[None], tf.range(size[0])[:, None]
    under = (x >= left) & (x < right) & (y >= top) & (y < bottom)
    changed = dict(sample)
    if "image" in sample:
        paint = tf.cast(augmentation.erase_fill, tf.float32)
        changed["image"] = tf.where(under[..., None], paint, sample["image"])
    if "segmentation" in sample and augmentation.erase_ignore:
        changed["segmentation"] = tf.where(under, IGNORE, sample["segmentation"])
    if "keypoints" in sample:
        changed["keypoints"] = hide_keypoints(sample["keypoints"], under)
    if "boxes" not in sample:
        return changed
    boxes = tf.cast(sample["boxes"], tf.float64)
    shared = tf.minimum(boxes[:, 2:], rectangle[2:]) - tf.maximum(boxes[:, :2], rectangle[:2])
    seen = areas(boxes) - tf.reduce_prod(tf.maximum(shared, 0.0), axis=-1)
    least = tf.cast(least_kept(sample, augmentation.min_kept), tf.float64)
    return drop_objects(changed, (seen > 0) & (seen >= least * areas(boxes)))


def _rectangle(seed: tf.Tensor, augmentation: Augmentation, size: Size) -> tf.Tensor:
    """(4,) float64 `xyxy` of whole pixels; empty where nothing is to be erased."""
    draw = draws(seed, ERASE, ("chance", "area", "aspect", "x", "y"))
    least, most = augmentation.erase_area
    area = (least + (most - least) * draw["area"]) * (size[0] * size[1])
    aspect = ASPECTS[0] * (ASPECTS[1] / ASPECTS[0]) ** draw["aspect"]
    canvas = tf.constant([size[1], size[0]], tf.float64)
    sides = tf.stack([tf.sqrt(area / aspect), tf.sqrt(area * aspect)])
    sides = tf.clip_by_value(tf.round(sides), 1.0, canvas)
    corner = tf.floor(tf.stack([draw["x"], draw["y"]]) * (canvas - sides + 1.0))
    rectangle = tf.concat([corner, corner + sides], axis=0)
    return tf.where(draw["chance"] < augmentation.erase, rectangle, 0.0)
