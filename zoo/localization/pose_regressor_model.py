"""DeepPose: regression of joint coordinates from the whole image (Toshev & Szegedy, 2014)."""

from __future__ import annotations

import keras
from keras import layers

from zoo.argument_checks import check_choice, check_minimum
from zoo.cards import Paper
from zoo.layers.normalization_policy import default_norm
from zoo.layers.soft_argmax import SoftArgmax
from zoo.layers.to_pixels import ToPixels
from zoo.localization.feature_extractor import FeatureExtractor
from zoo.localization.single_object_model import SingleObjectModel
from zoo.losses.localization_losses import KEYPOINT_LOSSES
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
    summary="regression of joint coordinates from the whole image",
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
        "hidden_units": 32,
        "hidden_layers": 1,
        "dropout": 0.0,
    },
    notes=(
        "Coordinates are fractions of the whole image; the loss divides errors by the size of the "
        "person's box. The paper's 40 M parameters do not follow from its layer table, which has "
        "58 M with 6×6 cells before the first dense layer."
    ),
)
def pose_regressor(
    *,
    num_keypoints: int = 14,
    input_shape: tuple[int | None, int | None, int] = (None, None, 3),
    backbone: str | None = None,
    norm: str | None = None,
    keypoint_loss: str = "l2",
    head: str = "dense",
    output_stride: int = 32,
    cells: int = 6,
    hidden_units: int = 4096,
    hidden_layers: int = 2,
    dropout: float = 0.5,
    width: float = 1.0,
    name: str = "pose_regressor",
) -> Model:
    """Builds the first stage of DeepPose.

    Args:
        num_keypoints: number of keypoints (joints) of a person.
        input_shape: height, width and channels of the images; None for any height or width of at
            least 32.
        backbone: name of a backbone of `zoo.backbones`; None for the paper's network.
        norm: normalization policy: `"batch"`, `"frozen"`, `"group"`, `"sync"` or `"none"`. None is
            `"none"` for the paper's network and VGG16, and `"batch"` for other backbones.
        keypoint_loss: loss of the keypoints: `"l2"` (paper) or `"smooth_l1"`.
        head: kind of head: `"dense"`, dense layers on pooled cells (paper), or `"soft_argmax"`, the
            expected position in one heatmap per keypoint (Sun et al., *Integral Human Pose
            Regression*, ECCV 2018), which needs far fewer training images and ignores `cells`,
            `hidden_units`, `hidden_layers` and `dropout`.
        output_stride: output stride of a backbone; the paper's network has a fixed one.
        cells: cells per side that the last feature map is pooled to; with images of 220×220, 6
            equals the paper's last pooling.
        hidden_units: units of each hidden dense layer.
        hidden_layers: number of hidden dense layers.
        dropout: dropout rate after each hidden layer, in [0, 1).
        width: width multiplier of the convolutions.
        name: name of the model.

    Returns:
        A model from images (B, H, W, C) in [0, 255] to `keypoints`: x, y in pixels,
        (B, num_keypoints, 2).

    Raises:
        InputError: if an argument is out of its range.
    """
    check_pose(num_keypoints, keypoint_loss, head)
    norm = default_norm(norm, backbone)
    extractor = FeatureExtractor(
        backbone, norm, width, cells, hidden_units, hidden_layers, dropout, output_stride
    )
    images = keras.Input(input_shape, name="image")
    pixels = extractor.normalize(images)
    keypoints = regress_keypoints(extractor, pixels, images, num_keypoints, head, "keypoints")
    return SingleObjectModel(
        images, {"keypoints": keypoints}, task="pose", name=name, keypoint_loss=keypoint_loss
    )


def check_pose(num_keypoints: int, keypoint_loss: str, head: str) -> None:
    """Raises InputError if an argument that all pose models have is out of its range."""
    check_minimum(1, num_keypoints=num_keypoints)
    check_choice("keypoint_loss", keypoint_loss, KEYPOINT_LOSSES)
    check_choice("head", head, HEADS)


def regress_keypoints(
    extractor: FeatureExtractor, pixels, images, num_keypoints: int, head: str, name: str
):
    """Regresses keypoints (B, K, 2) in pixels; initially all are in the middle of the image.

    `pixels` are normalized images (B, H, W, C); `name` is that of the output layer and prefixes
    those of the other layers.
    """
    small = keras.initializers.RandomNormal(stddev=0.01)
    if head == "soft_argmax":
        x = extractor.fused_map(extractor.feature_maps(pixels), max(32, 2 * num_keypoints))
        x = layers.Conv2D(num_keypoints, 1, kernel_initializer=small, name=f"{name}_heatmaps")(x)
        return ToPixels(name=name)([SoftArgmax(name=f"{name}_positions")(x), images])
    x = layers.Dense(
        2 * num_keypoints,
        kernel_initializer=small,
        bias_initializer=keras.initializers.Constant(0.5),
        name=f"{name}_fractions",
    )(extractor.feature_vector(pixels))
    x = layers.Reshape((num_keypoints, 2), name=f"{name}_pairs")(x)
    return ToPixels(name=name)([x, images])
