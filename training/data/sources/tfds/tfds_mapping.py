"""Mappings from the features of a TFDS data set to samples of the schema.

A data set that is not in `tfds_datasets` is read by its features (see `tfds_features`), or by a
registered function:

    from training.data.sources.tfds.tfds_mapping import Mapping, register_mapping

    def my_mapping(builder):
        names = tuple(builder.info.features["kind"].names)
        def sample(example):
            return {"image": example["photo"], "label": tf.cast(example["kind"], tf.int32)}
        return Mapping(sample, keys=("image", "label"), images=("photo",), label_names=names)

    register_mapping("my_dataset", my_mapping)
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import tensorflow as tf

Example = dict[str, Any]


@dataclasses.dataclass(frozen=True)
class Mapping:
    """Mapping from the features of a TFDS data set to a sample.

    Attributes:
        sample: function from a decoded example to a sample; runs inside tf.data.
        keys: keys of the sample.
        images: top-level features that are images, which remain encoded while shuffled.
        class_names: class names of the segmentation map.
        object_names: class names of `labels`.
        label_names: class names of `label`.
        keypoint_names: names of the keypoints.
        skeleton: pairs of keypoint indices that a limb connects.
        flip_pairs: (left, right) pairs of keypoint indices.
        unlabeled: TFDS names of the splits without labels.
        name: top-level feature with the name of a record.
    """

    sample: Callable[[Example], Example]
    keys: tuple[str, ...]
    images: tuple[str, ...] = ("image",)
    class_names: tuple[str, ...] = ()
    object_names: tuple[str, ...] = ()
    label_names: tuple[str, ...] = ()
    keypoint_names: tuple[str, ...] = ()
    skeleton: tuple[tuple[int, int], ...] = ()
    flip_pairs: tuple[tuple[int, int], ...] | None = None
    unlabeled: tuple[str, ...] = ()
    name: str = ""


MAPPINGS: dict[str, Callable[[Any], Mapping]] = {}
"""By TFDS name, a function from a builder, possibly not yet prepared, to its mapping."""


def register_mapping(name: str, mapping: Callable[[Any], Mapping]) -> None:
    """Registers the mapping of a TFDS data set; replaces an earlier one.

    Args:
        name: TFDS name.
        mapping: function from a builder to a `Mapping`.
    """
    MAPPINGS[name] = mapping


def pixel_boxes(boxes: tf.Tensor, image: tf.Tensor, first_pixel: int = 0) -> tf.Tensor:
    """Converts TFDS's (…, 4) `yxyx` fractions of an (H, W, C) image to float32 `xyxy` pixels.

    `first_pixel` is 1 if the annotators counted pixels from 1 and included the last one (VOC).
    """
    height, width = tf.unstack(tf.cast(tf.shape(image)[:2], tf.float32))
    scaled = tf.gather(boxes, [1, 0, 3, 2], axis=-1) * tf.stack([width, height, width, height])
    empty = tf.reduce_all(tf.equal(boxes, 0.0), axis=-1, keepdims=True)
    return tf.where(empty, 0.0, scaled - tf.constant([1.0, 1.0, 0.0, 0.0]) * first_pixel)


def names_of(feature: Any) -> tuple[str, ...]:
    """Returns the names of a ClassLabel or LabeledImage; class indices without names."""
    names = feature.names if feature.num_classes else ()
    return tuple(names or map(str, range(feature.num_classes or 0)))
