"""Square windows around joints, for a second look at each of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from zoo.errors import InputError
from zoo.layers.shapes import check_map, check_positive, height_width

SMALLEST_SIDE = 4.0
"""Side in pixels under which no window gets, however small the pose is."""


def check_torso(torso: Sequence[int] | None, joints: int) -> tuple[int, int, int, int] | None:
    """Returns the numbers of right and left shoulder, right and left hip as a tuple.

    Raises:
        InputError: not four different joints that there are.
    """
    if torso is None:
        return None
    numbers = tuple(int(number) for number in torso)
    if len(set(numbers)) != 4 or len(numbers) != 4 or not all(0 <= n < joints for n in numbers):
        raise InputError(
            f"torso names four different joints from 0 to {joints - 1}: right and left shoulder, "
            f"right and left hip, not {list(torso)}."
        )
    return numbers  # type: ignore[return-value]


@keras.saving.register_keras_serializable(package="zoo")
class JointWindows(keras.layers.Layer):
    """Centres and side of the windows for the next stage of a cascade.

    Takes `[joints, images]`, (N, K, 2) float32 pixels and images (N, H, W, C), and returns the
    centres (N, K, 2) and the side (N,) in pixels: `sigma` times the diameter of the pose, at least
    4 pixels and at most twice the image's longer side. No gradient goes back to the joints.

    Args:
        sigma: sides in diameters.
        torso: see `check_torso`; the diameter is the longer one between a shoulder and the
            opposite hip. None: half the longer side of the box around all joints.
        jitter: standard deviation, as a share of the side, of the noise on the centres in
            training, so that a stage learns to mend errors larger than those it sees.
    """

    def __init__(
        self,
        sigma: float = 2.0,
        torso: Sequence[int] | None = None,
        jitter: float = 0.0,
        **kwargs: Any,
    ):
        super().__init__(autocast=False, **kwargs)
        self.sigma = sigma
        self.torso = None if torso is None else tuple(torso)
        self.jitter = jitter
        self.seed_generator = keras.random.SeedGenerator()

    def call(self, inputs, training=False):
        joints, images = inputs
        joints = ops.stop_gradient(ops.cast(joints, "float32"))
        height, width = (ops.cast(side, "float32") for side in height_width(images))
        side = self.sigma * self._diameter(joints)
        side = ops.clip(side, SMALLEST_SIDE, 2.0 * ops.maximum(height, width))
        if training and self.jitter:
            noise = keras.random.normal(ops.shape(joints), seed=self.seed_generator)
            joints = joints + self.jitter * side[:, None, None] * noise
        return joints, side

    def _diameter(self, joints):
        if self.torso is None:
            extent = ops.max(joints, axis=1) - ops.min(joints, axis=1)
            return 0.5 * ops.max(extent, axis=-1)
        right_shoulder, left_shoulder, right_hip, left_hip = (joints[:, n] for n in self.torso)
        diagonals = [left_shoulder - right_hip, right_shoulder - left_hip]
        squares = [ops.sum(ops.square(d), axis=-1) for d in diagonals]
        return ops.sqrt(ops.maximum(*squares))

    def compute_output_spec(self, inputs, training=False):
        joints = inputs[0]
        return (
            keras.KerasTensor(joints.shape, "float32"),
            keras.KerasTensor(joints.shape[:1], "float32"),
        )

    def get_config(self):
        own = {"sigma": self.sigma, "torso": self.torso, "jitter": self.jitter}
        return {**super().get_config(), **own}


@keras.saving.register_keras_serializable(package="zoo")
class SquareCrops(keras.layers.Layer):
    """Cuts and resizes the windows.

    Takes `[images, centres, side]`, (N, H, W, C) of any size, (N, K, 2) and (N,) pixels, and
    returns (N · K, size, size, C): bilinear, smoothed where a window is larger than `size`, 0
    outside the image. Only matrix products, so that it runs wherever they do.
    """

    def __init__(self, size: int, **kwargs: Any):
        super().__init__(autocast=False, **kwargs)
        self.size = check_positive(size, "size")

    def call(self, inputs):
        images, centres, side = inputs
        size, joints, channels = self.size, centres.shape[1], images.shape[-1]
        height, width = height_width(images)
        rows = _weights(centres[..., 1], side, size, height)
        columns = _weights(centres[..., 0], side, size, width)
        x = ops.reshape(ops.cast(images, "float32"), (-1, height, width * channels))
        x = ops.matmul(ops.reshape(rows, (-1, joints * size, height)), x)
        x = ops.transpose(ops.reshape(x, (-1, size, width, channels)), (0, 2, 1, 3))
        x = ops.reshape(x, (-1, width, size * channels))
        x = ops.matmul(ops.reshape(columns, (-1, size, width)), x)
        x = ops.transpose(ops.reshape(x, (-1, size, size, channels)), (0, 2, 1, 3))
        return ops.cast(x, images.dtype)

    def compute_output_spec(self, inputs):
        shape = check_map(inputs[0].shape, "SquareCrops")
        return keras.KerasTensor((None, self.size, self.size, shape[3]), inputs[0].dtype)

    def get_config(self):
        return {**super().get_config(), "size": self.size}


def _weights(centres, side, size: int, length):
    """(N, K, size, length): what each line of a window takes of each line of the image."""
    step = ops.expand_dims(side / size, (1, 2))
    offsets = ops.arange(size, dtype="float32") + 0.5 - size / 2
    places = ops.expand_dims(centres, -1) + offsets * step
    lines = ops.cast(ops.arange(length), "float32") + 0.5
    distance = ops.abs(lines - ops.expand_dims(places, -1))
    weights = ops.maximum(1.0 - distance / ops.maximum(ops.expand_dims(step, -1), 1.0), 0.0)
    inside = ops.logical_and(places >= 0.0, places <= ops.cast(length, "float32"))
    total = ops.maximum(ops.sum(weights, axis=-1, keepdims=True), 1e-6)
    return weights / total * ops.cast(ops.expand_dims(inside, -1), "float32")


@keras.saving.register_keras_serializable(package="zoo")
class ByJoint(keras.layers.Layer):
    """(N · K, F) → (N, K, F)."""

    def __init__(self, joints: int, **kwargs: Any):
        super().__init__(**kwargs)
        self.joints = check_positive(joints, "joints")

    def call(self, inputs):
        return ops.reshape(inputs, (-1, self.joints, inputs.shape[-1]))

    def compute_output_shape(self, input_shape):
        return (None, self.joints, input_shape[-1])

    def get_config(self):
        return {**super().get_config(), "joints": self.joints}


@keras.saving.register_keras_serializable(package="zoo")
class Displaced(keras.layers.Layer):
    """`[centres, side, shares]` → centres + side · shares, (N, K, 2) float32 pixels."""

    def __init__(self, **kwargs: Any):
        super().__init__(autocast=False, **kwargs)

    def call(self, inputs):
        centres, side, shares = inputs
        return centres + ops.expand_dims(side, (1, 2)) * ops.cast(shares, "float32")

    def compute_output_spec(self, inputs):
        return keras.KerasTensor(inputs[0].shape, "float32")
