"""From shares of the image to its pixels."""

from __future__ import annotations

import keras
from keras import ops

from zoo.layers.shapes import check_map, height_width


@keras.saving.register_keras_serializable(package="zoo")
class ToPixels(keras.layers.Layer):
    """Multiplies pairs x, y by the image's width and height.

    Takes `[shares, images]`: (N, ..., 2n) alternating x, y as shares of the image, and images
    (N, H, W, C) of any size, known or not. Returns float32 pixels of the shares' shape.
    """

    def __init__(self, **kwargs):
        super().__init__(autocast=False, **kwargs)

    def call(self, inputs):
        shares, images = inputs
        height, width = height_width(images)
        size = ops.stack([ops.cast(width, "float32"), ops.cast(height, "float32")])
        return ops.cast(shares, "float32") * ops.tile(size, (shares.shape[-1] // 2,))

    def compute_output_shape(self, input_shape):
        shares, images = input_shape
        check_map(images, "ToPixels")
        return tuple(shares)

    def compute_output_spec(self, inputs):
        return keras.KerasTensor(self.compute_output_shape([x.shape for x in inputs]), "float32")
