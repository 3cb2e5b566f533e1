"""From image to joints to the class of the pose, in one graph."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
from keras import layers

from zoo.errors import InputError
from zoo.layers.joint_crops import check_torso
from zoo.layers.pose_vector import PoseVector
from zoo.localization.feature_vector import Body
from zoo.localization.pose_regressor_model import DEEP_POSE, check_joints, joints_of_image
from zoo.localization.single_object_model import SingleObjectModel
from zoo.model import Model
from zoo.registry import register


@register(
    "pose_classifier",
    task="pose_classification",
    summary="joint regression, and multinomial logistic regression on the pose",
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
        "The joints are found as the paper does; the regression is not in it: joints are centred "
        "on the torso and divided by its length. `zoo train` solves the regression on the labelled "
        "poses; any other `fit` learns it by gradient. Compare it with the commonest class."
    ),
)
def pose_classifier(
    *,
    num_keypoints: int = 14,
    num_classes: int = 2,
    input_shape: tuple[int | None, int | None, int] = (None, None, 3),
    backbone: str | None = None,
    norm: str | None = "none",
    joint_loss: str = "l2",
    head: str = "dense",
    torso: Sequence[int] | None = None,
    joint_weight: float = 1.0,
    label_weight: float = 1.0,
    output_stride: int = 32,
    cells: int = 6,
    units: Sequence[int] = (4096, 4096),
    dropout: float = 0.5,
    width: float = 1.0,
    name: str = "pose_classifier",
) -> Model:
    """Joints and the class of the pose.

    Args:
        num_keypoints: joints of a person.
        num_classes: classes of the pose.
        input_shape: height, width (None = any, from 32 on) and channels, pixels 0…255.
        backbone: None for DeepPose's network, or a name of `zoo.backbones`.
        norm: `"batch"`, `"frozen"`, `"group"`, `"sync"` or `"none"`.
        joint_loss: `"l2"` or `"smooth_l1"`.
        head: as in `pose_regressor`.
        torso: numbers of right and left shoulder, right and left hip; None takes the mean of all
            joints and their mean distance from it.
        joint_weight, label_weight: factors of the losses. The class's loss moves only the
            regression's weights, not the joints.
        output_stride, cells, units, dropout, width: as in `pose_regressor`.
        name: of the model.

    Returns:
        A model from (B, H, W, C) to `label`, logits (B, num_classes), and `keypoints`: x, y in
        pixels, (B, num_keypoints, 2).

    Raises:
        InputError: an argument out of its range.
    """
    check_joints(num_keypoints, joint_loss, head)
    torso = check_torso(torso, num_keypoints)
    if num_classes < 2:
        raise InputError(f"num_classes is at least 2, not {num_classes}.")
    body = Body(backbone, norm, width, cells, units, dropout, output_stride)
    images = keras.Input(input_shape, name="image")
    pixels = body.normalize(images)
    joints = joints_of_image(body, pixels, images, num_keypoints, head, name="keypoints")
    vector = PoseVector(torso, name="pose_vector")(joints)
    logits = layers.Dense(num_classes, dtype="float32", name="pose_logits")(vector)
    outputs = {
        "label": layers.Activation("linear", dtype="float32", name="label")(logits),
        "keypoints": joints,
    }
    return SingleObjectModel(
        images,
        outputs,
        task="pose_classification",
        loss_weights={"keypoints": joint_weight, "label": label_weight},
        name=name,
        joint_loss=joint_loss,
    )


def set_regression(model: Model, weights: Any, intercepts: Any, mean: Any, deviation: Any) -> None:
    """Folds a logistic regression on standardised pose vectors into the model's dense layer.

    W·(v − mean) / deviation + b is W/deviation·v + (b − W/deviation·mean): one dense layer.

    Args:
        model: a `pose_classifier`.
        weights, intercepts: (classes, 2K) and (classes,).
        mean, deviation: (2K,) of the pose vectors, deviations above 0.

    Raises:
        InputError: shapes that do not fit the model.
    """
    layer = model.get_layer("pose_logits")
    kernel = np.asarray(weights, np.float64).T / np.asarray(deviation, np.float64)[:, None]
    bias = np.asarray(intercepts, np.float64) - np.asarray(mean, np.float64) @ kernel
    if kernel.shape != tuple(layer.kernel.shape) or bias.shape != tuple(layer.bias.shape):
        raise InputError(
            f"a regression of {kernel.shape[1]} classes on {kernel.shape[0]} numbers does not fit "
            f"{model.architecture}, which has {layer.kernel.shape[1]} and {layer.kernel.shape[0]}."
        )
    layer.kernel.assign(kernel.astype(np.float32))
    layer.bias.assign(bias.astype(np.float32))
