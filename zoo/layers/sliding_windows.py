"""Sliding windows: all patches of an image, and a patch network applied to the whole image.

A network of valid convolutions and poolings with one prediction per patch gives the same
predictions for all patches at once if each pooling has stride 1 and the layers behind it twice the
dilation rate.
"""

from __future__ import annotations

import keras
from keras import ops

from zoo.errors import InputError
from zoo.layers.shapes import MapLayer, check_map, check_pair, check_positive, height_width


@keras.saving.register_keras_serializable(package="zoo")
class Patches(MapLayer):
    """Extracts all square patches of maps (N, H, W, C), row by row.

    The result is (N·(H − size + 1)·(W − size + 1), size, size, C).

    Args:
        size: side of a patch, in pixels.
    """

    def __init__(self, size: int, **kwargs):
        super().__init__(**kwargs)
        self.size = check_positive(size, "size")

    def call(self, inputs):
        height, width = height_width(inputs)
        channels = inputs.shape[-1]
        offset = ops.arange(self.size, dtype="int32")
        rows, columns = (
            ops.arange(side - self.size + 1, dtype="int32")[:, None] + offset
            for side in (height, width)
        )
        # N, rows, size, W, C, then N, rows, size, columns, size, C.
        patches = ops.take(ops.take(inputs, rows, axis=1), columns, axis=3)
        patches = ops.transpose(patches, (0, 1, 3, 2, 4, 5))
        return ops.reshape(patches, (-1, self.size, self.size, channels))

    def compute_output_shape(self, input_shape):
        _, height, width, channels = check_map(input_shape, "Patches")
        for side in (height, width):
            if side is not None and side < self.size:
                raise InputError(
                    f"size must be at most the sides of {height}×{width}, not {self.size}."
                )
        return None, self.size, self.size, channels


@keras.saving.register_keras_serializable(package="zoo")
class AssemblePatches(MapLayer):
    """Arranges the predictions of all patches as a map.

    Takes `[predictions, reference]`, (N·H·W, 1, 1, C) and (N, H, W, …), and returns (N, H, W, C).
    """

    def call(self, inputs):
        predictions, reference = inputs
        height, width = height_width(reference)
        return ops.reshape(predictions, (-1, height, width, predictions.shape[-1]))

    def compute_output_shape(self, input_shape):
        predictions, reference = check_pair(input_shape, "AssemblePatches")
        return reference[0], reference[1], reference[2], predictions[3]


@keras.saving.register_keras_serializable(package="zoo")
class DilatedMaxPooling2D(MapLayer):
    """Dilated max pooling of stride 1 without padding, on maps (N, H, W, C).

    Each side shrinks by (size − 1)·rate.

    Args:
        size: pixels per side of the window.
        rate: dilation rate, the distance of these pixels.
    """

    def __init__(self, size: int = 2, rate: int = 1, **kwargs):
        super().__init__(**kwargs)
        self.size = check_positive(size, "size")
        self.rate = check_positive(rate, "rate")

    def call(self, inputs):
        rows = inputs[:, : -self._margin() or None]
        for step in range(1, self.size):
            rows = ops.maximum(rows, self._shifted(inputs, step, 1))
        columns = rows[:, :, : -self._margin() or None]
        for step in range(1, self.size):
            columns = ops.maximum(columns, self._shifted(rows, step, 2))
        return columns

    def _shifted(self, x, step: int, axis: int):
        first = step * self.rate
        last = first - self._margin() or None
        return x[:, first:last] if axis == 1 else x[:, :, first:last]

    def _margin(self) -> int:
        return (self.size - 1) * self.rate

    def compute_output_shape(self, input_shape):
        batch, height, width, channels = check_map(input_shape, "DilatedMaxPooling2D")
        sides = [None if side is None else side - self._margin() for side in (height, width)]
        if any(side is not None and side < 1 for side in sides):
            raise InputError(
                f"the side of the window must be at most that of {height}×{width} pixels, not "
                f"{self._margin() + 1}."
            )
        return batch, *sides, channels
