"""Mapping of the embedded scenes, `zoo_shapes`, with the keys of each configuration."""

from __future__ import annotations

from typing import Any

import tensorflow as tf

import training.data.shapes.tfds_builder  # noqa: F401  (registers zoo_shapes with TFDS)
from training.data.shapes.figure_poses import JOINT_PAIRS, JOINTS, POSES
from training.data.shapes.scene_objects import CLASSES
from training.data.sources.keypoints.keypoint_names import skeleton_of
from training.data.sources.objects.instance_maps import masks_from_map
from training.data.sources.tfds.tfds_mapping import Example, Mapping, register_mapping


def _shapes(builder: Any) -> Mapping:
    variant = builder.builder_config.variant
    object_keys = ("boxes", "labels", "masks", "keypoints", "texts")
    keys = {
        "scene": object_keys,
        "single": ("label", "box", *object_keys),
        "figure": ("label", "box", "boxes", "labels", "masks", "keypoints"),
    }[variant]
    keys = ("image", "segmentation", "instances", *keys)

    def sample(example: Example) -> Example:
        objects = example["objects"]
        instances = tf.cast(example["instances"][..., 0], tf.int32)
        ids = tf.range(1, tf.shape(objects["bbox"])[0] + 1)
        values = {
            "image": example["image"],
            "segmentation": tf.cast(example["segmentation"][..., 0], tf.int32),
            "instances": instances,
            "label": tf.cast(example["label"], tf.int32),
            "box": example["box"],
            "boxes": objects["bbox"],
            "labels": tf.cast(objects["label"], tf.int32),
            "masks": masks_from_map(instances, objects["bbox"], ids),
            "keypoints": objects["keypoints"],
            "texts": objects["caption"],
        }
        if variant == "figure":
            values["keypoints"] = objects["keypoints"][0]
            values["label"] = tf.cast(objects["pose"][0], tf.int32)
        return {key: values[key] for key in keys}

    return Mapping(
        sample,
        keys,
        images=("image", "segmentation", "instances"),
        class_names=("background", *CLASSES),
        object_names=tuple(CLASSES),
        label_names=tuple(POSES if variant == "figure" else CLASSES) if "label" in keys else (),
        keypoint_names=JOINTS,
        skeleton=skeleton_of(JOINTS),
        flip_pairs=JOINT_PAIRS,
        name="index",
    )


register_mapping("zoo_shapes", _shapes)
