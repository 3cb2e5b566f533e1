"""Where a map is highest, as a mean that gradients go through."""

from __future__ import annotations

import keras
from keras import ops

from zoo.layers.shapes import check_map, height_width


@keras.saving.register_keras_serializable(package="zoo")
class SoftArgmax(keras.layers.Layer):
    """Maps (N, H, W, K) of scores, any size → (N, K, 2) float32 mean places x, y.

    The places of the cells, (i + ½) / W and (j + ½) / H, weighted by the softmax of each map (Sun
    et al., *Integral Human Pose Regression*, ECCV 2018). Computed in float32.
    """

    def __init__(self, **kwargs):
        super().__init__(autocast=False, **kwargs)

    def call(self, inputs):
        height, width = height_width(inputs)
        joints = inputs.shape[-1]
        scores = ops.reshape(ops.cast(inputs, "float32"), (-1, height * width, joints))
        shares = ops.reshape(ops.softmax(scores, axis=1), (-1, height, width, joints))
        x = ops.sum(ops.sum(shares, axis=1) * _places(width), axis=1)
        y = ops.sum(ops.sum(shares, axis=2) * _places(height), axis=1)
        return ops.stack([x, y], axis=-1)

    def compute_output_spec(self, inputs):
        shape = check_map(inputs.shape, "SoftArgmax")
        return keras.KerasTensor((shape[0], shape[3], 2), "float32")


def _places(count):
    """(count, 1): the middles of so many cells, as shares of the whole."""
    cells = ops.cast(ops.arange(count), "float32") + 0.5
    return ops.expand_dims(cells / ops.cast(count, "float32"), -1)
