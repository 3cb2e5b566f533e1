"""Soft arg-max: the differentiable position of the maximum of a map."""

from __future__ import annotations

import keras
from keras import ops

from zoo.layers.shapes import check_map, height_width


@keras.saving.register_keras_serializable(package="zoo")
class SoftArgmax(keras.layers.Layer):
    """Expected positions x, y (N, K, 2) of score maps (N, H, W, K) of any size, in float32.

    The centers of the cells, (i + ½) / W and (j + ½) / H, weighted by the softmax of each map (Sun
    et al., *Integral Human Pose Regression*, ECCV 2018).
    """

    def __init__(self, **kwargs):
        super().__init__(autocast=False, **kwargs)

    def call(self, inputs):
        height, width = height_width(inputs)
        keypoints = inputs.shape[-1]
        scores = ops.reshape(ops.cast(inputs, "float32"), (-1, height * width, keypoints))
        weights = ops.reshape(ops.softmax(scores, axis=1), (-1, height, width, keypoints))
        x = ops.sum(ops.sum(weights, axis=1) * _centers(width), axis=1)
        y = ops.sum(ops.sum(weights, axis=2) * _centers(height), axis=1)
        return ops.stack([x, y], axis=-1)

    def compute_output_spec(self, inputs):
        shape = check_map(inputs.shape, "SoftArgmax")
        return keras.KerasTensor((shape[0], shape[3], 2), "float32")


def _centers(count):
    """The centers (count, 1) of cells, as fractions of the side."""
    cells = ops.cast(ops.arange(count), "float32") + 0.5
    return ops.expand_dims(cells / ops.cast(count, "float32"), -1)
