"""Mappings of TFDS data sets that feature names alone do not determine."""

from __future__ import annotations

import dataclasses
from typing import Any

import tensorflow as tf

from training.data.sources.objects.instance_maps import masks_from_map
from training.data.sources.tfds import tfds_class_names
from training.data.sources.tfds.tfds_features import mapping_of_features
from training.data.sources.tfds.tfds_mapping import (
    Example,
    Mapping,
    names_of,
    pixel_boxes,
    register_mapping,
)
from zoo.tasks.sample_schema import IGNORE


def _voc(builder: Any) -> Mapping:
    def sample(example: Example) -> Example:
        objects = example["objects"]
        return {
            "image": example["image"],
            "boxes": pixel_boxes(objects["bbox"], example["image"], first_pixel=1),
            "labels": tf.cast(objects["label"], tf.int32),
            "difficult": objects["is_difficult"],
        }

    return Mapping(
        sample,
        ("image", "boxes", "labels", "difficult"),
        object_names=names_of(builder.info.features["objects"]["label"]),
        unlabeled=("test",) if builder.builder_config.name == "2012" else (),
        name="image/filename",
    )


def _coco(builder: Any) -> Mapping:
    features = builder.info.features
    if "panoptic_objects" in features:
        return _coco_panoptic(features)

    def sample(example: Example) -> Example:
        objects = example["objects"]
        return {
            "image": example["image"],
            "boxes": pixel_boxes(objects["bbox"], example["image"]),
            "labels": tf.cast(objects["label"], tf.int32),
            "crowd": objects["is_crowd"],
        }

    return Mapping(
        sample,
        ("image", "boxes", "labels", "crowd"),
        object_names=names_of(features["objects"]["label"]),
        unlabeled=("test", "test2015"),
        name="image/filename",
    )


def _coco_panoptic(features: Any) -> Mapping:
    names = names_of(features["panoptic_objects"]["label"])
    # COCO lists its 80 thing classes first, then 53 stuff classes; only things are objects.
    things = 80

    def sample(example: Example) -> Example:
        segments = example["panoptic_objects"]
        colors = tf.cast(example["panoptic_image"], tf.int32)
        ids = colors[..., 0] + 256 * (colors[..., 1] + 256 * colors[..., 2])
        # Row 0 stands for pixels without a segment.
        segment_ids = tf.concat([[0], tf.cast(segments["id"], tf.int32)], 0)
        order = tf.argsort(segment_ids)
        position = tf.searchsorted(tf.gather(segment_ids, order), tf.reshape(ids, [-1]))
        row = tf.gather(order, tf.minimum(position, tf.shape(order)[0] - 1))
        row = tf.where(tf.gather(segment_ids, row) == tf.reshape(ids, [-1]), row, 0)
        row = tf.reshape(row, tf.shape(ids))
        labels = tf.cast(segments["label"], tf.int32)
        objects = tf.where(labels < things)[:, 0]
        boxes = tf.gather(pixel_boxes(segments["bbox"], example["image"]), objects)
        crowd = tf.gather(segments["is_crowd"], objects)
        instance_ids = tf.scatter_nd(
            tf.cast(objects + 1, tf.int32)[:, None],
            tf.range(1, tf.shape(objects)[0] + 1),
            tf.shape(segment_ids),
        )
        instances = tf.gather(instance_ids, row)
        return {
            "image": example["image"],
            "segmentation": tf.gather(tf.concat([[IGNORE], labels], 0), row),
            "instances": instances,
            "boxes": boxes,
            "labels": tf.gather(labels, objects),
            "crowd": crowd,
            "masks": masks_from_map(instances, boxes, tf.range(1, tf.shape(objects)[0] + 1)),
        }

    return Mapping(
        sample,
        ("image", "segmentation", "instances", "boxes", "labels", "crowd", "masks"),
        images=("image", "panoptic_image"),
        class_names=names,
        object_names=names[:things],
        name="image/filename",
    )


def _oxford_iiit_pet(builder: Any) -> Mapping:
    def sample(example: Example) -> Example:
        trimap = tf.cast(example["segmentation_mask"][..., 0], tf.int32)
        # 1 = pet, 2 = background, 3 = border, which is ignored.
        classes = tf.where(trimap == 1, 1, tf.where(trimap == 2, 0, IGNORE))
        return {
            "image": example["image"],
            "label": tf.cast(example["label"], tf.int32),
            "box": pixel_boxes(example["head_bbox"], example["image"], first_pixel=1),
            "segmentation": classes,
        }

    return Mapping(
        sample,
        ("image", "label", "box", "segmentation"),
        images=("image", "segmentation_mask"),
        class_names=("background", "pet"),
        label_names=names_of(builder.info.features["label"]),
        name="file_name",
    )


def _cityscapes(builder: Any) -> Mapping:
    del builder
    to_class = tf.constant(
        [
            tfds_class_names.CITYSCAPES_IDS.index(label_id)
            if label_id in tfds_class_names.CITYSCAPES_IDS
            else IGNORE
            for label_id in range(256)
        ]
    )

    def sample(example: Example) -> Example:
        ids = tf.cast(example["segmentation_label"][..., 0], tf.int32)
        return {"image": example["image_left"], "segmentation": tf.gather(to_class, ids)}

    return Mapping(
        sample,
        ("image", "segmentation"),
        images=("image_left", "segmentation_label"),
        class_names=tfds_class_names.CITYSCAPES,
        unlabeled=("test",),
        name="image_id",
    )


def _scene_parse150(builder: Any) -> Mapping:
    del builder

    def sample(example: Example) -> Example:
        # Instance annotations: the red channel is the class, from 1, the green one the instance id.
        annotation = tf.cast(example["annotation"], tf.int32)
        return {
            "image": example["image"],
            "segmentation": annotation[..., 0],
            "instances": annotation[..., 1],
        }

    return Mapping(
        sample,
        ("image", "segmentation", "instances"),
        images=("image", "annotation"),
        class_names=("background", *tfds_class_names.SCENE_PARSE_OBJECTS),
    )


def _imagenet2012(builder: Any) -> Mapping:
    mapping = mapping_of_features("imagenet2012", builder.info.features, {})
    return dataclasses.replace(mapping, unlabeled=("test",), name="file_name")


register_mapping("voc", _voc)
register_mapping("coco", _coco)
register_mapping("oxford_iiit_pet", _oxford_iiit_pet)
register_mapping("cityscapes", _cityscapes)
register_mapping("scene_parse150", _scene_parse150)
register_mapping("imagenet2012", _imagenet2012)
