"""Relative to absolute coordinates."""

from __future__ import annotations

import keras
from keras import ops

from zoo.layers.shapes import check_map, height_width


@keras.saving.register_keras_serializable(package="zoo")
class ToPixels(keras.layers.Layer):
    """Multiplies x, y by the width and height of the image.

    Takes `[coordinates, images]`, (N, …, 2n) alternating x, y as fractions of the image, and images
    (N, H, W, C) of any size. Returns coordinates in pixels, float32, of the same shape.
    """

    def __init__(self, **kwargs):
        super().__init__(autocast=False, **kwargs)

    def call(self, inputs):
        coordinates, images = inputs
        height, width = height_width(images)
        size = ops.stack([ops.cast(width, "float32"), ops.cast(height, "float32")])
        return ops.cast(coordinates, "float32") * ops.tile(size, (coordinates.shape[-1] // 2,))

    def compute_output_shape(self, input_shape):
        coordinates, images = input_shape
        check_map(images, "ToPixels")
        return tuple(coordinates)

    def compute_output_spec(self, inputs):
        return keras.KerasTensor(self.compute_output_shape([x.shape for x in inputs]), "float32")
