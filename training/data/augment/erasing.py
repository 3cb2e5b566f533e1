"""Random erasing (Cutout): a random rectangle of the image is painted over.

DeVries, Taylor, "Improved Regularization of Convolutional Neural Networks with Cutout", 2017;
Zhong et al., "Random Erasing Data Augmentation", AAAI 2020, from which come area and aspect ratio.
"""

from __future__ import annotations

import tensorflow as tf

from training.data.augment.annotation_geometry import (
    areas,
    hide_keypoints,
    keep_objects,
    min_visible_of,
)
from training.data.augment.augmentation import Augmentation
from training.data.augment.random_draws import ERASE, draws
from training.data.augment.resampling import Size, window_mask
from zoo.tasks.sample_schema import IGNORE

# Smallest and largest ratio of height to width of the rectangle.
ASPECTS = (0.3, 1 / 0.3)


def erase(sample: dict, seed: tf.Tensor, augmentation: Augmentation, size: Size) -> dict:
    """Erases a random rectangle of a resized sample, with probability `augmentation.erase`.

    Objects with too little of their box outside of it are dropped, keypoints in it become hidden;
    other boxes and masks are unchanged.
    """
    if augmentation.erase <= 0:
        return sample
    rectangle = _rectangle(seed, augmentation, size)
    erased = window_mask(tf.cast(rectangle, tf.int32), size)
    changed = dict(sample)
    if "image" in sample:
        paint = tf.cast(augmentation.erase_fill, tf.float32)
        changed["image"] = tf.where(erased[..., None], paint, sample["image"])
    if "segmentation" in sample and augmentation.erase_ignore:
        changed["segmentation"] = tf.where(erased, IGNORE, sample["segmentation"])
    if "keypoints" in sample:
        changed["keypoints"] = hide_keypoints(sample["keypoints"], erased)
    if "boxes" not in sample:
        return changed
    boxes = tf.cast(sample["boxes"], tf.float64)
    shared = tf.minimum(boxes[:, 2:], rectangle[2:]) - tf.maximum(boxes[:, :2], rectangle[:2])
    visible = areas(boxes) - tf.reduce_prod(tf.maximum(shared, 0.0), axis=-1)
    least = tf.cast(min_visible_of(sample, augmentation.min_visible), tf.float64)
    return keep_objects(changed, (visible > 0) & (visible >= least * areas(boxes)))


def _rectangle(seed: tf.Tensor, augmentation: Augmentation, size: Size) -> tf.Tensor:
    """Draws (4,) float64 `xyxy` of whole pixels; zeros where nothing is erased."""
    draw = draws(seed, ERASE, ("chance", "area", "aspect", "x", "y"))
    least, most = augmentation.erase_area
    area = (least + (most - least) * draw["area"]) * (size[0] * size[1])
    aspect = ASPECTS[0] * (ASPECTS[1] / ASPECTS[0]) ** draw["aspect"]
    whole = tf.constant([size[1], size[0]], tf.float64)
    sides = tf.stack([tf.sqrt(area / aspect), tf.sqrt(area * aspect)])
    sides = tf.clip_by_value(tf.round(sides), 1.0, whole)
    corner = tf.floor(tf.stack([draw["x"], draw["y"]]) * (whole - sides + 1.0))
    rectangle = tf.concat([corner, corner + sides], axis=0)
    return tf.where(draw["chance"] < augmentation.erase, rectangle, 0.0)
