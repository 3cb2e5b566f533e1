"""A pose as a vector that is independent of the position and the size of the person."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from zoo.layers.shapes import ConfiguredLayer

SMALLEST_TORSO = 1.0
"""Smallest length that a pose is divided by, in pixels."""


def pose_vector(keypoints, torso: Sequence[int] | None = None):
    """Returns x, y (N, 2K) relative to the torso's center, in units of its length.

    Keypoints (N, K, 2) are in pixels and all present. `torso` are the indices of right and left
    shoulder, right and left hip; the center is their mean, the unit the distance between the
    midpoints of shoulders and hips. None is for the mean of all keypoints and their root mean
    square distance from it.
    """
    keypoints = ops.cast(keypoints, "float32")
    if torso is None:
        center = ops.mean(keypoints, axis=1, keepdims=True)
        square = ops.mean(ops.sum(ops.square(keypoints - center), axis=-1), axis=-1)
    else:
        corners = [keypoints[:, n : n + 1] for n in torso]
        shoulders, hips = (corners[0] + corners[1]) / 2, (corners[2] + corners[3]) / 2
        center = (shoulders + hips) / 2
        square = ops.sum(ops.square(shoulders - hips), axis=(1, 2))
    length = ops.sqrt(ops.maximum(square, SMALLEST_TORSO**2))
    return ops.reshape((keypoints - center) / length[:, None, None], (-1, 2 * keypoints.shape[1]))


@keras.saving.register_keras_serializable(package="zoo")
class PoseVector(ConfiguredLayer):
    """`pose_vector` as a layer; no gradient flows to the keypoints."""

    def __init__(self, torso: Sequence[int] | None = None, **kwargs: Any):
        super().__init__(autocast=False, **kwargs)
        self.torso = None if torso is None else tuple(torso)

    def call(self, inputs):
        return ops.stop_gradient(pose_vector(inputs, self.torso))

    def compute_output_spec(self, inputs):
        return keras.KerasTensor((inputs.shape[0], 2 * inputs.shape[1]), "float32")
