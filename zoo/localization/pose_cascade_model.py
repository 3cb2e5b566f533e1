"""DeepPose's cascade: each stage looks again around every joint (Toshev & Szegedy, 2014)."""

from __future__ import annotations

from collections.abc import Sequence

import keras
from keras import layers

from zoo.errors import InputError
from zoo.layers.joint_crops import ByJoint, Displaced, JointWindows, SquareCrops, check_torso
from zoo.localization.feature_vector import Body
from zoo.localization.pose_regressor_model import DEEP_POSE, check_joints, joints_of_image
from zoo.localization.single_object_model import SingleObjectModel
from zoo.model import Model
from zoo.registry import register


@register(
    "pose_cascade",
    task="pose",
    summary="joint regression, then twice a correction from a window around each joint",
    paper=DEEP_POSE,
    published={
        "num_keypoints": 14,
        "input_shape": (220, 220, 3),
        "torso": (8, 9, 2, 3),
        "crop_size": 220,
        "crop_units": (4096, 4096),
        "crop_width": 1.0,
        "crop_cells": 6,
    },
    expected_parameters=3 * 58_396_060,
    flops_size=(220, 220),
    tiny={
        "num_keypoints": 4,
        "input_shape": (None, None, 3),
        "torso": (0, 1, 2, 3),
        "width": 0.125,
        "cells": 2,
        "units": (32,),
        "dropout": 0.0,
        "crop_size": 32,
        "crop_units": (16,),
        "crop_width": 0.125,
        "crop_cells": 2,
        "jitter": 0.0,
    },
    notes=(
        "The paper trains one stage after the other on 40 windows moved at random around each true "
        "joint. Here all stages train together, each on windows around the joints that the stage "
        "before found, moved at random. By default the later stages are small."
    ),
)
def pose_cascade(
    *,
    num_keypoints: int = 14,
    input_shape: tuple[int | None, int | None, int] = (None, None, 3),
    backbone: str | None = None,
    norm: str | None = "none",
    joint_loss: str = "l2",
    head: str = "dense",
    torso: Sequence[int] | None = None,
    stages: int = 3,
    sigma: float = 2.0,
    jitter: float = 0.05,
    output_stride: int = 32,
    cells: int = 6,
    units: Sequence[int] = (4096, 4096),
    dropout: float = 0.5,
    width: float = 1.0,
    crop_size: int = 64,
    crop_cells: int = 4,
    crop_units: Sequence[int] = (256,),
    crop_width: float = 0.25,
    name: str = "pose_cascade",
) -> Model:
    """DeepPose.

    Args:
        num_keypoints: joints of a person.
        input_shape: height, width (None = any, from 32 on) and channels, pixels 0…255.
        backbone: None for the paper's network in every stage, or a name of `zoo.backbones`.
        norm: `"batch"`, `"frozen"`, `"group"`, `"sync"` or `"none"` (the paper has none here).
        joint_loss: `"l2"` (the paper's) or `"smooth_l1"`.
        head: of the first stage, as in `pose_regressor`.
        torso: numbers of right and left shoulder, right and left hip, which say how large a person
            is; None takes half the longer side of the box around all joints.
        stages: 3 in the paper.
        sigma: side of a window in torso diameters; 2 for Leeds Sports Pose, 1 for FLIC.
        jitter: random shift of the windows in training, as a share of their side.
        output_stride, cells, units, dropout, width: of the first stage, as in `pose_regressor`.
        crop_size: side in pixels that windows are resized to; 220 in the paper.
        crop_cells, crop_units, crop_width: of the later stages; the paper's are those of the first.
        name: of the model.

    Returns:
        A model from (B, H, W, C) to `keypoints`: x, y in pixels, (B, num_keypoints, 2), and
        `keypoints_stage1`… of the earlier stages.

    Raises:
        InputError: an argument out of its range.
    """
    check_joints(num_keypoints, joint_loss, head)
    torso = check_torso(torso, num_keypoints)
    if stages < 1 or sigma <= 0 or jitter < 0:
        raise InputError("stages is at least 1, sigma above 0, jitter not negative.")
    body = Body(backbone, norm, width, cells, units, dropout, output_stride)
    closer = Body(backbone, norm, crop_width, crop_cells, crop_units, dropout)
    images = keras.Input(input_shape, name="image")
    pixels = body.normalize(images)
    names = [*(f"keypoints_stage{n}" for n in range(1, stages)), "keypoints"]
    joints = joints_of_image(body, pixels, images, num_keypoints, head, name=names[0])
    outputs = {names[0]: joints}
    for number, output in enumerate(names[1:], start=2):
        windows = JointWindows(sigma, torso, jitter, name=f"windows{number}")
        centres, side = windows([joints, images])
        crops = SquareCrops(crop_size, name=f"crops{number}")([pixels, centres, side])
        x = closer.vector(crops, name=f"stage{number}_")
        shares = _of_own_joint(x, num_keypoints, f"stage{number}_shares")
        joints = Displaced(name=output)([centres, side, shares])
        outputs[output] = joints
    return SingleObjectModel(
        images, dict(reversed(outputs.items())), task="pose", name=name, joint_loss=joint_loss
    )


def _of_own_joint(x, joints: int, name: str):
    """From the vector of each window to the shift of its joint, each by weights of its own."""
    x = ByJoint(joints, name=f"{name}_joints")(x)
    small = keras.initializers.RandomNormal(stddev=0.001)
    return layers.EinsumDense(
        "bkf,kfo->bko", (joints, 2), bias_axes="ko", kernel_initializer=small, name=name
    )(x)
