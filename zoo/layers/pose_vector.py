"""A pose as a vector that is independent of the position and the size of the person."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

SMALLEST_TORSO = 1.0
"""Smallest length that a pose is divided by, in pixels."""


def pose_vector(keypoints, torso: Sequence[int] | None = None):
    """Returns the vectors (N, 2K) of x, y relative to the torso's centre, in units of its length.

    Args:
        keypoints: keypoints (N, K, 2) in pixels, all present; arrays or tensors.
        torso: indices of right and left shoulder, right and left hip; the centre is their mean, the
            unit the distance between the midpoints of shoulders and hips. None for the mean of all
            keypoints and their root mean square distance from it.
    """
    keypoints = ops.cast(keypoints, "float32")
    if torso is None:
        centre = ops.mean(keypoints, axis=1, keepdims=True)
        square = ops.mean(ops.sum(ops.square(keypoints - centre), axis=-1), axis=-1)
    else:
        corners = [keypoints[:, n : n + 1] for n in torso]
        shoulders, hips = (corners[0] + corners[1]) / 2, (corners[2] + corners[3]) / 2
        centre = (shoulders + hips) / 2
        square = ops.sum(ops.square(shoulders - hips), axis=(1, 2))
    length = ops.sqrt(ops.maximum(square, SMALLEST_TORSO**2))
    return ops.reshape((keypoints - centre) / length[:, None, None], (-1, 2 * keypoints.shape[1]))


@keras.saving.register_keras_serializable(package="zoo")
class PoseVector(keras.layers.Layer):
    """`pose_vector` as a layer; no gradient flows to the keypoints."""

    def __init__(self, torso: Sequence[int] | None = None, **kwargs: Any):
        super().__init__(autocast=False, **kwargs)
        self.torso = None if torso is None else tuple(torso)

    def call(self, inputs):
        return ops.stop_gradient(pose_vector(inputs, self.torso))

    def compute_output_spec(self, inputs):
        return keras.KerasTensor((inputs.shape[0], 2 * inputs.shape[1]), "float32")

    def get_config(self):
        return {**super().get_config(), "torso": self.torso}
