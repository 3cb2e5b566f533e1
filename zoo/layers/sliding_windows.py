"""Sliding windows: every patch of an image, and the same network run over all of it at once.

A network of valid convolutions and poolings that turns one patch into one answer gives the same
answers for all patches of an image when each pooling by 2 keeps every position and the layers
behind it read every second one: a pooling of stride 1, and a rate twice as large.
"""

from __future__ import annotations

import keras
from keras import ops

from zoo.errors import InputError
from zoo.layers.shapes import MapLayer, check_map, check_pair, check_positive, height_width


@keras.saving.register_keras_serializable(package="zoo")
class Patches(MapLayer):
    """All square patches of maps (N, H, W, C), row by row: (N · rows · columns, size, size, C).

    There are H − size + 1 rows and W − size + 1 columns of them.

    Args:
        size: side of a patch, in pixels.

    Raises:
        InputError: if a known side of the maps is smaller than a patch.
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
                    f"maps of {height}x{width} have no patch of {self.size}x{self.size}; "
                    "use smaller patches"
                )
        return None, self.size, self.size, channels

    def get_config(self):
        return {**super().get_config(), "size": self.size}


@keras.saving.register_keras_serializable(package="zoo")
class AssemblePatches(MapLayer):
    """Lay the answers to all patches out as a map: [(N · H · W, 1, 1, C), (N, H, W, …)].

    Returns:
        (N, H, W, C), with the height and width of the reference.
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
    """Max pooling of stride 1 over pixels that are `rate` apart, without padding.

    Maps (N, H, W, C) lose (size − 1) · rate lines on each axis. `layers.MaxPooling2D` has no rate.

    Args:
        size: pixels per side of the window.
        rate: their distance.
    """

    def __init__(self, size: int = 2, rate: int = 1, **kwargs):
        super().__init__(**kwargs)
        self.size = check_positive(size, "size")
        self.rate = check_positive(rate, "rate")

    def call(self, inputs):
        rows = inputs[:, : -self._lost() or None]
        for step in range(1, self.size):
            rows = ops.maximum(rows, self._shifted(inputs, step, 1))
        columns = rows[:, :, : -self._lost() or None]
        for step in range(1, self.size):
            columns = ops.maximum(columns, self._shifted(rows, step, 2))
        return columns

    def _shifted(self, x, step: int, axis: int):
        first = step * self.rate
        last = first - self._lost() or None
        return x[:, first:last] if axis == 1 else x[:, :, first:last]

    def _lost(self) -> int:
        return (self.size - 1) * self.rate

    def compute_output_shape(self, input_shape):
        batch, height, width, channels = check_map(input_shape, "DilatedMaxPooling2D")
        sides = [None if side is None else side - self._lost() for side in (height, width)]
        if any(side is not None and side < 1 for side in sides):
            raise InputError(
                f"maps of {height}x{width} are too small for windows of {self._lost() + 1} pixels"
            )
        return batch, *sides, channels

    def get_config(self):
        return {**super().get_config(), "size": self.size, "rate": self.rate}
