"""How the features of a TFDS data set become samples of the schema.

A data set that `tfds_known` does not know is read by its features (see `tfds_features`), or by a
function of the user's own:

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
    """How the features of a TFDS data set become a sample.

    Attributes:
        sample: from a decoded example to a sample of the schema; runs inside tf.data.
        keys: of the sample.
        images: top-level features that hold images, kept encoded while shuffled.
        class_names, object_names, label_names, joint_names, skeleton, joint_pairs: as in `Source`.
        unlabelled: splits, as TFDS calls them, that have images but no labels.
        name: top-level feature that says what a record is called.
    """

    sample: Callable[[Example], Example]
    keys: tuple[str, ...]
    images: tuple[str, ...] = ("image",)
    class_names: tuple[str, ...] = ()
    object_names: tuple[str, ...] = ()
    label_names: tuple[str, ...] = ()
    joint_names: tuple[str, ...] = ()
    skeleton: tuple[tuple[int, int], ...] = ()
    joint_pairs: tuple[tuple[int, int], ...] | None = None
    unlabelled: tuple[str, ...] = ()
    name: str = ""


MAPPINGS: dict[str, Callable[[Any], Mapping]] = {}
"""By TFDS name: from a builder, configured but not yet prepared, to its mapping."""


def register_mapping(name: str, mapping: Callable[[Any], Mapping]) -> None:
    """Says how the TFDS data set `name` is read; replaces what was there."""
    MAPPINGS[name] = mapping


def pixel_boxes(boxes: tf.Tensor, image: tf.Tensor, first_pixel: int = 0) -> tf.Tensor:
    """(…, 4) float32 `xyxy` pixels from TFDS's `yxyx` fractions of the image.

    Args:
        boxes: (…, 4) ymin, xmin, ymax, xmax in 0…1.
        image: (H, W, C), the image.
        first_pixel: 1 where the annotators counted pixels from 1 and included the last one (VOC).
    """
    height, width = tf.unstack(tf.cast(tf.shape(image)[:2], tf.float32))
    scaled = tf.gather(boxes, [1, 0, 3, 2], axis=-1) * tf.stack([width, height, width, height])
    empty = tf.reduce_all(tf.equal(boxes, 0.0), axis=-1, keepdims=True)
    return tf.where(empty, 0.0, scaled - tf.constant([1.0, 1.0, 0.0, 0.0]) * first_pixel)


def names_of(feature: Any) -> tuple[str, ...]:
    """Names of a ClassLabel or LabeledImage; its numbers where TFDS knows no names."""
    names = feature.names if feature.num_classes else ()
    return tuple(names or map(str, range(feature.num_classes or 0)))
