"""Square crops around keypoints, for the later stages of a pose cascade."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from zoo.errors import InputError
from zoo.layers.shapes import ConfiguredLayer, check_map, check_positive, height_width

SMALLEST_SIDE = 4.0
"""Smallest side of a window, in pixels."""


def check_torso(torso: Sequence[int] | None, keypoints: int) -> tuple[int, int, int, int] | None:
    """Returns the indices of right and left shoulder, right and left hip as a tuple."""
    if torso is None:
        return None
    indices = tuple(int(index) for index in torso)
    if len(set(indices)) != 4 or len(indices) != 4 or not all(0 <= n < keypoints for n in indices):
        raise InputError(
            f"torso must be four different keypoints from 0 to {keypoints - 1} (right and left "
            f"shoulder, right and left hip), not {list(torso)!r}."
        )
    return indices  # type: ignore[return-value]


@keras.saving.register_keras_serializable(package="zoo")
class KeypointWindows(ConfiguredLayer):
    """Centers and side of the windows of the next stage of a cascade.

    Takes `[keypoints, images]`, (N, K, 2) float32 pixels and images (N, H, W, C), and returns the
    centers (N, K, 2) and the side (N,) in pixels: `sigma` times the diameter of the pose, at least
    4 pixels and at most twice the image's longer side. No gradient flows to the keypoints.

    Args:
        sigma: side of the windows, in diameters of the pose.
        torso: indices of right and left shoulder, right and left hip; the diameter is the longer
            diagonal between them. None for half the longer side of the box around all keypoints.
        jitter: standard deviation of the noise added to the centers in training, as a fraction of
            the side.
    """

    def __init__(
        self, sigma: float = 2.0, torso: Sequence[int] | None = None, jitter: float = 0.0, **kwargs
    ):
        super().__init__(autocast=False, **kwargs)
        self.sigma = sigma
        self.torso = None if torso is None else tuple(torso)
        self.jitter = jitter
        self.seed_generator = keras.random.SeedGenerator()

    def call(self, inputs, training=False):
        keypoints, images = inputs
        keypoints = ops.stop_gradient(ops.cast(keypoints, "float32"))
        height, width = (ops.cast(side, "float32") for side in height_width(images))
        side = self.sigma * self._diameter(keypoints)
        side = ops.clip(side, SMALLEST_SIDE, 2.0 * ops.maximum(height, width))
        if training and self.jitter:
            noise = keras.random.normal(ops.shape(keypoints), seed=self.seed_generator)
            keypoints = keypoints + self.jitter * side[:, None, None] * noise
        return keypoints, side

    def _diameter(self, keypoints):
        if self.torso is None:
            extent = ops.max(keypoints, axis=1) - ops.min(keypoints, axis=1)
            return 0.5 * ops.max(extent, axis=-1)
        right_shoulder, left_shoulder, right_hip, left_hip = (keypoints[:, n] for n in self.torso)
        diagonals = [left_shoulder - right_hip, right_shoulder - left_hip]
        squares = [ops.sum(ops.square(d), axis=-1) for d in diagonals]
        return ops.sqrt(ops.maximum(*squares))

    def compute_output_spec(self, inputs, training=False):
        shape = inputs[0].shape
        return keras.KerasTensor(shape, "float32"), keras.KerasTensor(shape[:1], "float32")


@keras.saving.register_keras_serializable(package="zoo")
class SquareCrops(ConfiguredLayer):
    """Crops windows and resizes them.

    Takes `[images, centers, side]`, (N, H, W, C) of any size, (N, K, 2) and (N,) in pixels, and
    returns crops (N·K, size, size, C): bilinear, antialiased where a window is larger than `size`,
    0 outside the image. It consists of matrix products alone, which LiteRT has.

    Args:
        size: side of the crops, in pixels.
    """

    def __init__(self, size: int, **kwargs: Any):
        super().__init__(autocast=False, **kwargs)
        self.size = check_positive(size, "size")

    def call(self, inputs):
        images, centers, side = inputs
        size, count, channels = self.size, centers.shape[1], images.shape[-1]
        height, width = height_width(images)
        rows = _weights(centers[..., 1], side, size, height)
        columns = _weights(centers[..., 0], side, size, width)
        x = ops.reshape(ops.cast(images, "float32"), (-1, height, width * channels))
        x = ops.matmul(ops.reshape(rows, (-1, count * size, height)), x)
        x = ops.transpose(ops.reshape(x, (-1, size, width, channels)), (0, 2, 1, 3))
        x = ops.reshape(x, (-1, width, size * channels))
        x = ops.matmul(ops.reshape(columns, (-1, size, width)), x)
        x = ops.transpose(ops.reshape(x, (-1, size, size, channels)), (0, 2, 1, 3))
        return ops.cast(x, images.dtype)

    def compute_output_spec(self, inputs):
        shape = check_map(inputs[0].shape, "SquareCrops")
        return keras.KerasTensor((None, self.size, self.size, shape[3]), inputs[0].dtype)


def _weights(centers, side, size: int, length):
    """Weights (N, K, size, length) of the lines of the image in the lines of the windows."""
    step = ops.expand_dims(side / size, (1, 2))
    offsets = ops.arange(size, dtype="float32") + 0.5 - size / 2
    positions = ops.expand_dims(centers, -1) + offsets * step
    lines = ops.cast(ops.arange(length), "float32") + 0.5
    distance = ops.abs(lines - ops.expand_dims(positions, -1))
    weights = ops.maximum(1.0 - distance / ops.maximum(ops.expand_dims(step, -1), 1.0), 0.0)
    inside = ops.logical_and(positions >= 0.0, positions <= ops.cast(length, "float32"))
    total = ops.maximum(ops.sum(weights, axis=-1, keepdims=True), 1e-6)
    return weights / total * ops.cast(ops.expand_dims(inside, -1), "float32")


@keras.saving.register_keras_serializable(package="zoo")
class SplitKeypoints(ConfiguredLayer):
    """Reshapes the features (N·K, F) of the crops of K keypoints to (N, K, F).

    Args:
        keypoints: K.
    """

    def __init__(self, keypoints: int, **kwargs: Any):
        super().__init__(**kwargs)
        self.keypoints = check_positive(keypoints, "keypoints")

    def call(self, inputs):
        return ops.reshape(inputs, (-1, self.keypoints, inputs.shape[-1]))

    def compute_output_shape(self, input_shape):
        return (None, self.keypoints, input_shape[-1])


@keras.saving.register_keras_serializable(package="zoo")
class OffsetKeypoints(keras.layers.Layer):
    """Adds offsets to the centers of windows.

    Takes `[centers, side, offsets]`, (N, K, 2) and (N,) in pixels and (N, K, 2) as fractions of the
    side, and returns keypoints (N, K, 2) float32 in pixels.
    """

    def __init__(self, **kwargs: Any):
        super().__init__(autocast=False, **kwargs)

    def call(self, inputs):
        centers, side, offsets = inputs
        return centers + ops.expand_dims(side, (1, 2)) * ops.cast(offsets, "float32")

    def compute_output_spec(self, inputs):
        return keras.KerasTensor(inputs[0].shape, "float32")
