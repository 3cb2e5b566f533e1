"""DeepPose's cascade: each stage refines every joint from a crop around it.

Toshev & Szegedy, *DeepPose*, CVPR 2014.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import keras
from keras import layers

from zoo.argument_checks import check_minimum
from zoo.errors import InputError
from zoo.layers.keypoint_crops import (
    KeypointWindows,
    OffsetKeypoints,
    SplitKeypoints,
    SquareCrops,
    check_torso,
)
from zoo.layers.normalization_policy import default_norm
from zoo.localization.feature_extractor import FeatureExtractor
from zoo.localization.pose_regressor_model import DEEP_POSE, check_pose, regress_keypoints
from zoo.localization.single_object_model import SingleObjectModel
from zoo.model import Model
from zoo.registry import register


@register(
    "pose_cascade",
    task="pose",
    summary="joint regression, then two refinement stages on a crop around each joint",
    paper=DEEP_POSE,
    published={
        "num_keypoints": 14,
        "input_shape": (220, 220, 3),
        "torso": (8, 9, 2, 3),
        "crop_size": 220,
        "crop_hidden_units": 4096,
        "crop_hidden_layers": 2,
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
        "hidden_units": 32,
        "hidden_layers": 1,
        "dropout": 0.0,
        "crop_size": 32,
        "crop_hidden_units": 16,
        "crop_width": 0.125,
        "crop_cells": 2,
        "jitter": 0.0,
    },
    notes=(
        "The paper trains one stage after the other, on 40 randomly shifted crops around each true "
        "joint. Here all stages are trained together, each on randomly shifted crops around the "
        "joints that the preceding stage predicts. By default the later stages are small."
    ),
)
def pose_cascade(
    *,
    num_keypoints: int = 14,
    input_shape: tuple[int | None, int | None, int] = (None, None, 3),
    backbone: str | None = None,
    norm: str | None = None,
    keypoint_loss: str = "l2",
    head: str = "dense",
    torso: Sequence[int] | None = None,
    num_stages: int = 3,
    sigma: float = 2.0,
    jitter: float = 0.05,
    output_stride: int = 32,
    cells: int = 6,
    hidden_units: int = 4096,
    hidden_layers: int = 2,
    dropout: float = 0.5,
    width: float = 1.0,
    crop_size: int = 64,
    crop_cells: int = 4,
    crop_hidden_units: int = 256,
    crop_hidden_layers: int = 1,
    crop_width: float = 0.25,
    name: str = "pose_cascade",
) -> Model:
    """Builds DeepPose.

    Args:
        num_keypoints: number of keypoints (joints) of a person.
        input_shape: height, width and channels of the images; None for any height or width of at
            least 32.
        backbone: name of a backbone of `zoo.backbones`; None for the paper's network. Every stage
            has one.
        norm: normalization policy: `"batch"`, `"frozen"`, `"group"`, `"sync"` or `"none"`. None is
            `"none"` for the paper's network and VGG16, and `"batch"` for other backbones.
        keypoint_loss: loss of the keypoints: `"l2"` (paper) or `"smooth_l1"`.
        head: kind of head of the first stage, see `pose_regressor`.
        torso: keypoint indices of right shoulder, left shoulder, right hip and left hip, which
            give the size of the person; None takes half the longer side of the box around all
            keypoints.
        num_stages: number of stages, including the first.
        sigma: side of a crop in torso diameters; 2 for Leeds Sports Pose, 1 for FLIC.
        jitter: standard deviation of the random shift of crops in training, as a fraction of their
            side.
        output_stride: output stride of the first stage's backbone.
        cells: cells per side that the first stage's last feature map is pooled to.
        hidden_units: units of each hidden dense layer of the first stage.
        hidden_layers: number of hidden dense layers of the first stage.
        dropout: dropout rate after each hidden layer, in [0, 1).
        width: width multiplier of the first stage's convolutions.
        crop_size: side of the resized crops in pixels; 220 in the paper.
        crop_cells: `cells` of the later stages; 6 in the paper.
        crop_hidden_units: `hidden_units` of the later stages; 4096 in the paper.
        crop_hidden_layers: `hidden_layers` of the later stages; 2 in the paper.
        crop_width: `width` of the later stages; 1.0 in the paper.
        name: name of the model.

    Returns:
        A model from images (B, H, W, C) in [0, 255] to `keypoints`: x, y in pixels,
        (B, num_keypoints, 2), and `keypoints_stage1` … of the earlier stages.

    Raises:
        InputError: if an argument is out of its range.
    """
    check_pose(num_keypoints, keypoint_loss, head)
    torso = check_torso(torso, num_keypoints)
    check_minimum(1, num_stages=num_stages)
    check_minimum(0, jitter=jitter)
    if sigma <= 0:
        raise InputError(f"sigma must be above 0, not {sigma!r}.")
    norm = default_norm(norm, backbone)
    first = FeatureExtractor(
        backbone, norm, width, cells, hidden_units, hidden_layers, dropout, output_stride
    )
    later = FeatureExtractor(
        backbone, norm, crop_width, crop_cells, crop_hidden_units, crop_hidden_layers, dropout
    )
    images = keras.Input(input_shape, name="image")
    pixels = first.normalize(images)
    names = [*(f"keypoints_stage{n}" for n in range(1, num_stages)), "keypoints"]
    keypoints = regress_keypoints(first, pixels, images, num_keypoints, head, names[0])
    outputs = {names[0]: keypoints}
    for number, output in enumerate(names[1:], start=2):
        windows = KeypointWindows(sigma, torso, jitter, name=f"windows{number}")
        centers, side = windows([keypoints, images])
        crops = SquareCrops(crop_size, name=f"crops{number}")([pixels, centers, side])
        x = _crop_features(later, crops, f"stage{number}_")
        shifts = _shifts(x, num_keypoints, f"stage{number}_shifts")
        keypoints = OffsetKeypoints(name=output)([centers, side, shifts])
        outputs[output] = keypoints
    outputs = dict(reversed(outputs.items()))
    return SingleObjectModel(images, outputs, task="pose", name=name, keypoint_loss=keypoint_loss)


def _crop_features(extractor: FeatureExtractor, crops, prefix: str):
    """Returns the features of crops; an error about their width names `crop_width`."""
    try:
        return extractor.feature_vector(crops, prefix)
    except InputError as error:
        raise InputError(re.sub(r"\bwidth must", "crop_width must", str(error))) from error


def _shifts(x, num_keypoints: int, name: str):
    """Returns the shift of each keypoint from its crop's features, by separate weights."""
    x = SplitKeypoints(num_keypoints, name=f"{name}_keypoints")(x)
    small = keras.initializers.RandomNormal(stddev=0.001)
    return layers.EinsumDense(
        "bkf,kfo->bko", (num_keypoints, 2), bias_axes="ko", kernel_initializer=small, name=name
    )(x)
