"""The embedded scenes: which keys of the schema each configuration of `zoo_shapes` gives."""

from __future__ import annotations

from typing import Any

import tensorflow as tf

import training.data.shapes.tfds_builder  # noqa: F401  (registers zoo_shapes with TFDS)
from training.data.shapes.figure_poses import JOINT_PAIRS, JOINTS, POSES
from training.data.shapes.scene_objects import CLASSES
from training.data.sources.keypoints.joint_names import skeleton_of
from training.data.sources.objects.box_frame_masks import masks_from_map
from training.data.sources.tfds.tfds_mapping import Example, Mapping, register_mapping


def _shapes(builder: Any) -> Mapping:
    variant = builder.builder_config.variant
    objects = ("boxes", "labels", "masks", "keypoints", "texts")
    keys = {
        "scene": objects,
        "single": ("label", "box", *objects),
        "figure": ("label", "box", "boxes", "labels", "masks", "keypoints"),
    }[variant]
    keys = ("image", "segmentation", "instances", *keys)

    def sample(example: Example) -> Example:
        things = example["objects"]
        instances = tf.cast(example["instances"][..., 0], tf.int32)
        numbers = tf.range(1, tf.shape(things["bbox"])[0] + 1)
        found = {
            "image": example["image"],
            "segmentation": tf.cast(example["segmentation"][..., 0], tf.int32),
            "instances": instances,
            "label": tf.cast(example["label"], tf.int32),
            "box": example["box"],
            "boxes": things["bbox"],
            "labels": tf.cast(things["label"], tf.int32),
            "masks": masks_from_map(instances, things["bbox"], numbers),
            "keypoints": things["keypoints"],
            "texts": things["caption"],
        }
        if variant == "figure":
            found["keypoints"] = things["keypoints"][0]
            found["label"] = tf.cast(things["pose"][0], tf.int32)
        return {key: found[key] for key in keys}

    return Mapping(
        sample,
        keys,
        images=("image", "segmentation", "instances"),
        class_names=("background", *CLASSES),
        object_names=tuple(CLASSES),
        label_names=tuple(POSES if variant == "figure" else CLASSES) if "label" in keys else (),
        joint_names=JOINTS,
        skeleton=skeleton_of(JOINTS),
        joint_pairs=JOINT_PAIRS,
        name="index",
    )


register_mapping("zoo_shapes", _shapes)
