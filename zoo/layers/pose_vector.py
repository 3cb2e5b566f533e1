"""A pose as a vector that does not depend on where the person stands and how large they are."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

SMALLEST_TORSO = 1.0
"""Pixels by which a pose is divided at least."""


def pose_vector(joints, torso: Sequence[int] | None = None):
    """(N, K, 2) pixels → (N, 2K): x, y from the torso's centre in units of its length.

    Args:
        joints: all present; NumPy arrays and tensors.
        torso: right and left shoulder, right and left hip. Their mean is the centre, the distance
            of the shoulders' middle from the hips' the unit. None: the mean of all joints and
            their root mean square distance from it.
    """
    joints = ops.cast(joints, "float32")
    if torso is None:
        centre = ops.mean(joints, axis=1, keepdims=True)
        square = ops.mean(ops.sum(ops.square(joints - centre), axis=-1), axis=-1)
    else:
        corners = [joints[:, n : n + 1] for n in torso]
        shoulders, hips = (corners[0] + corners[1]) / 2, (corners[2] + corners[3]) / 2
        centre = (shoulders + hips) / 2
        square = ops.sum(ops.square(shoulders - hips), axis=(1, 2))
    length = ops.sqrt(ops.maximum(square, SMALLEST_TORSO**2))
    return ops.reshape((joints - centre) / length[:, None, None], (-1, 2 * joints.shape[1]))


@keras.saving.register_keras_serializable(package="zoo")
class PoseVector(keras.layers.Layer):
    """`pose_vector` as a layer; no gradient goes back to the joints."""

    def __init__(self, torso: Sequence[int] | None = None, **kwargs: Any):
        super().__init__(autocast=False, **kwargs)
        self.torso = None if torso is None else tuple(torso)

    def call(self, inputs):
        return ops.stop_gradient(pose_vector(inputs, self.torso))

    def compute_output_spec(self, inputs):
        return keras.KerasTensor((inputs.shape[0], 2 * inputs.shape[1]), "float32")

    def get_config(self):
        return {**super().get_config(), "torso": self.torso}
