"""Pose classifier: joint regression and logistic regression on the pose in one graph."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
from keras import layers

from zoo.argument_checks import check_minimum
from zoo.errors import InputError
from zoo.layers.keypoint_crops import check_torso
from zoo.layers.normalization_policy import default_norm
from zoo.layers.pose_vector import PoseVector
from zoo.localization.feature_extractor import FeatureExtractor
from zoo.localization.pose_regressor_model import DEEP_POSE, check_pose, regress_keypoints
from zoo.localization.single_object_model import SingleObjectModel
from zoo.model import Model
from zoo.registry import register


@register(
    "pose_classifier",
    task="pose_classification",
    summary="joint regression, then multinomial logistic regression on the pose",
    paper=DEEP_POSE,
    published={"num_keypoints": 14, "num_classes": 2, "torso": (8, 9, 2, 3)},
    expected_parameters=58_396_060 + 58,
    flops_size=(220, 220),
    tiny={
        "num_keypoints": 5,
        "num_classes": 3,
        "torso": (0, 1, 2, 3),
        "input_shape": (None, None, 3),
        "backbone": "darknet19",
        "head": "soft_argmax",
        "norm": "batch",
        "width": 0.125,
    },
    notes=(
        "Joint regression follows the paper; the logistic regression, on joints relative to the "
        "torso's center and length, is an addition. `zoo train` solves it on the labeled poses; "
        "`model.fit` trains it by gradient descent. The baseline is the most frequent class."
    ),
    stages=("pose_classes",),
)
def pose_classifier(
    *,
    num_keypoints: int = 14,
    num_classes: int = 2,
    input_shape: tuple[int | None, int | None, int] = (None, None, 3),
    backbone: str | None = None,
    norm: str | None = None,
    keypoint_loss: str = "l2",
    head: str = "dense",
    torso: Sequence[int] | None = None,
    keypoint_weight: float = 1.0,
    label_weight: float = 1.0,
    output_stride: int = 32,
    cells: int = 6,
    hidden_units: int = 4096,
    hidden_layers: int = 2,
    dropout: float = 0.5,
    width: float = 1.0,
    name: str = "pose_classifier",
) -> Model:
    """Builds the pose classifier.

    Args:
        num_keypoints: number of keypoints (joints) of a person.
        num_classes: number of classes of the pose.
        input_shape: height, width and channels of the images; None for any height or width of at
            least 32.
        backbone: name of a backbone of `zoo.backbones`; None for the network of DeepPose.
        norm: normalization policy: `"batch"`, `"frozen"`, `"group"`, `"sync"` or `"none"`. None is
            `"none"` for the network of DeepPose and VGG16, and `"batch"` for other backbones.
        keypoint_loss: loss of the keypoints: `"l2"` or `"smooth_l1"`.
        head: kind of head, see `pose_regressor`.
        torso: keypoint indices of right shoulder, left shoulder, right hip and left hip; None takes
            the mean of all keypoints and their root mean square distance from it.
        keypoint_weight: weight of the keypoint loss.
        label_weight: weight of the class loss, whose gradient stops at the logistic regression.
        output_stride: output stride of a backbone.
        cells: cells per side that the last feature map is pooled to.
        hidden_units: units of each hidden dense layer.
        hidden_layers: number of hidden dense layers.
        dropout: dropout rate after each hidden layer, in [0, 1).
        width: width multiplier of the convolutions.
        name: name of the model.

    Returns:
        A model from images (B, H, W, C) in [0, 255] to `label`, logits (B, num_classes), and
        `keypoints`: x, y in pixels, (B, num_keypoints, 2).

    Raises:
        InputError: if an argument is out of its range.
    """
    check_pose(num_keypoints, keypoint_loss, head)
    torso = check_torso(torso, num_keypoints)
    check_minimum(2, num_classes=num_classes)
    norm = default_norm(norm, backbone)
    extractor = FeatureExtractor(
        backbone, norm, width, cells, hidden_units, hidden_layers, dropout, output_stride
    )
    images = keras.Input(input_shape, name="image")
    pixels = extractor.normalize(images)
    keypoints = regress_keypoints(extractor, pixels, images, num_keypoints, head, "keypoints")
    vector = PoseVector(torso, name="pose_vector")(keypoints)
    logits = layers.Dense(num_classes, dtype="float32", name="pose_logits")(vector)
    outputs = {
        "label": layers.Activation("linear", dtype="float32", name="label")(logits),
        "keypoints": keypoints,
    }
    return SingleObjectModel(
        images,
        outputs,
        task="pose_classification",
        loss_weights={"keypoints": keypoint_weight, "label": label_weight},
        name=name,
        keypoint_loss=keypoint_loss,
    )


def set_regression(model: Model, weights: Any, intercepts: Any, mean: Any, deviation: Any) -> None:
    """Stores a logistic regression on standardized pose vectors in the model's dense layer.

    W·(v − mean) / deviation + b is W/deviation·v + (b − W/deviation·mean): one dense layer.

    Args:
        model: a `pose_classifier` of K keypoints.
        weights: coefficients W (num_classes, 2K).
        intercepts: intercepts b (num_classes,).
        mean: mean of the pose vectors (2K,).
        deviation: standard deviation of the pose vectors (2K,), above 0.

    Raises:
        InputError: if the shapes do not match the model.
    """
    layer = model.get_layer("pose_logits")
    kernel = np.asarray(weights, np.float64).T / np.asarray(deviation, np.float64)[:, None]
    bias = np.asarray(intercepts, np.float64) - np.asarray(mean, np.float64) @ kernel
    if kernel.shape != tuple(layer.kernel.shape) or bias.shape != tuple(layer.bias.shape):
        raise InputError(
            f"a regression of {kernel.shape[1]} classes on {kernel.shape[0]} values does not match "
            f"{model.architecture}, which has {layer.kernel.shape[1]} and {layer.kernel.shape[0]}."
        )
    layer.kernel.assign(kernel.astype(np.float32))
    layer.bias.assign(bias.astype(np.float32))
