"""DeepPose: joint coordinates by regression from the whole image (Toshev & Szegedy, 2014)."""

from __future__ import annotations

from collections.abc import Sequence

import keras
from keras import layers

from zoo.cards import Paper
from zoo.errors import InputError
from zoo.layers.soft_argmax import SoftArgmax
from zoo.layers.to_pixels import ToPixels
from zoo.localization.feature_vector import Body
from zoo.localization.single_object_model import SingleObjectModel
from zoo.losses.localization_losses import JOINT_LOSSES, check_kind
from zoo.model import Model
from zoo.registry import register

HEADS = ("dense", "soft_argmax")

DEEP_POSE = Paper(
    "A. Toshev, C. Szegedy",
    "DeepPose: Human Pose Estimation via Deep Neural Networks",
    "CVPR",
    2014,
)


@register(
    "pose_regressor",
    task="pose",
    summary="joint coordinates by regression from the whole image",
    paper=DEEP_POSE,
    published={"num_keypoints": 14, "input_shape": (220, 220, 3)},
    expected_parameters=58_396_060,
    paper_parameters="≈40 M",
    flops_size=(220, 220),
    tiny={
        "num_keypoints": 3,
        "input_shape": (None, None, 3),
        "width": 0.125,
        "cells": 2,
        "units": (32,),
        "dropout": 0.0,
    },
    notes=(
        "Coordinates are shares of the whole image; the loss divides errors by the person's box. "
        "The paper's figure of 40 M parameters does not follow from its layer table, which with "
        "6×6 cells before the first dense layer has 58 M."
    ),
)
def pose_regressor(
    *,
    num_keypoints: int = 14,
    input_shape: tuple[int | None, int | None, int] = (None, None, 3),
    backbone: str | None = None,
    norm: str | None = "none",
    joint_loss: str = "l2",
    head: str = "dense",
    output_stride: int = 32,
    cells: int = 6,
    units: Sequence[int] = (4096, 4096),
    dropout: float = 0.5,
    width: float = 1.0,
    name: str = "pose_regressor",
) -> Model:
    """DeepPose's first stage.

    Args:
        num_keypoints: joints of a person.
        input_shape: height, width (None = any, from 32 on) and channels, pixels 0…255.
        backbone: None for the paper's network, or a name of `zoo.backbones`.
        norm: `"batch"`, `"frozen"`, `"group"`, `"sync"` or `"none"` (the paper has none here).
        joint_loss: `"l2"` (the paper's) or `"smooth_l1"`.
        head: `"dense"` (the paper's): dense layers on pooled cells; `"soft_argmax"`: the mean place
            of a map a joint (Sun et al., *Integral Human Pose Regression*, ECCV 2018), which takes
            far fewer images to learn. It has no use for `cells`, `units` and `dropout`.
        output_stride: of a backbone; the paper's network has its own.
        cells: a side, to which the last map is pooled; at 220×220, 6 is the paper's pool.
        units: of the dense layers.
        dropout: behind each of them.
        width: factor on the channels of the convolutions.
        name: of the model.

    Returns:
        A model from (B, H, W, C) to `keypoints`: x, y in pixels, (B, num_keypoints, 2).

    Raises:
        InputError: an argument out of its range.
    """
    check_joints(num_keypoints, joint_loss, head)
    body = Body(backbone, norm, width, cells, units, dropout, output_stride)
    images = keras.Input(input_shape, name="image")
    pixels = body.normalize(images)
    joints = joints_of_image(body, pixels, images, num_keypoints, head, name="keypoints")
    outputs = {"keypoints": joints}
    return SingleObjectModel(images, outputs, task="pose", name=name, joint_loss=joint_loss)


def check_joints(num_keypoints: int, joint_loss: str, head: str) -> None:
    """Raises InputError unless there are joints and loss and head are known."""
    if num_keypoints < 1:
        raise InputError(f"num_keypoints is at least 1, not {num_keypoints}.")
    check_kind(joint_loss, JOINT_LOSSES, "joint_loss")
    check_kind(head, HEADS, "head")


def joints_of_image(body: Body, pixels, images, joints: int, head: str, name: str):
    """From normalised pixels to joints (B, K, 2) in pixels; at first all are in the middle."""
    if head == "soft_argmax":
        x = body.fused(body.maps(pixels), max(32, 2 * joints))
        small = keras.initializers.RandomNormal(stddev=0.01)
        scores = layers.Conv2D(joints, 1, kernel_initializer=small, name=f"{name}_scores")(x)
        return ToPixels(name=name)([SoftArgmax(name=f"{name}_places")(scores), images])
    shares = layers.Dense(
        2 * joints,
        kernel_initializer=keras.initializers.RandomNormal(stddev=0.01),
        bias_initializer=keras.initializers.Constant(0.5),
        name=f"{name}_shares",
    )(body.vector(pixels))
    shares = layers.Reshape((joints, 2), name=f"{name}_pairs")(shares)
    return ToPixels(name=name)([shares, images])
