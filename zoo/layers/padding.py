"""Padding to a multiple and cropping back, for images of any height and width."""

from __future__ import annotations

import keras
from keras import ops

from zoo.argument_checks import check_choice
from zoo.errors import InputError
from zoo.layers.shapes import MapLayer, check_map, check_pair, check_positive, height_width

PAD_MODES = ("reflect", "symmetric", "edge", "zero")
POSITIONS = ("end", "center")


@keras.saving.register_keras_serializable(package="zoo")
class PadToMultiple(MapLayer):
    """Pads maps (N, H, W, C) to multiples of a number; `CropLike` is the inverse.

    Args:
        divisor: divisor of both sides of the result, in pixels.
        mode: `"reflect"` (mirrored without repeating the edge), `"symmetric"` (mirrored with it),
            `"edge"` (repeated edge) or `"zero"`; every mode takes maps of any size.
        position: `"end"` for padding at the bottom and right; `"center"` for both sides, with the
            odd line at the bottom and right.
    """

    def __init__(self, divisor: int, mode: str = "reflect", position: str = "end", **kwargs):
        super().__init__(**kwargs)
        self.divisor = check_positive(divisor, "divisor")
        self.mode = check_choice("mode", mode, PAD_MODES)
        self.position = check_choice("position", position, POSITIONS)

    def call(self, inputs):
        return self._pad_axis(self._pad_axis(inputs, 1), 2)

    def _pad_axis(self, x, axis: int):
        if x.shape[axis] is not None and x.shape[axis] % self.divisor == 0:
            return x
        size = height_width(x)[axis - 1]
        total = (-size) % self.divisor
        before = total // 2 if self.position == "center" else 0
        if self.mode == "zero":
            widths = [[0, 0]] * 4
            widths[axis] = [before, total - before]
            return ops.pad(x, widths)
        line = ops.arange(size + total, dtype="int32") - before
        return ops.take(x, source_line(line, size, self.mode), axis=axis)

    def compute_output_shape(self, input_shape):
        batch, height, width, channels = check_map(input_shape, "PadToMultiple")
        sides = (None if s is None else s + -s % self.divisor for s in (height, width))
        return (batch, *sides, channels)


def source_line(line, size, mode: str):
    """Returns the line of a map of `size` lines at each position, inside or outside the map."""
    if mode == "edge":
        return ops.clip(line, 0, size - 1)
    if mode == "symmetric":
        phase = ops.mod(line, 2 * size)
        return ops.minimum(phase, 2 * size - 1 - phase)
    period = ops.maximum(2 * size - 2, 1)
    phase = ops.mod(line, period)
    return ops.minimum(phase, period - phase)


@keras.saving.register_keras_serializable(package="zoo")
class CropLike(MapLayer):
    """Crops the maps of `[maps, reference]` to the height and width of the reference.

    Args:
        position: `"end"` for cropping at the bottom and right; `"center"` for both sides, with the
            odd line at the bottom and right.

    Raises:
        InputError: if a known side of the maps is smaller than the reference's.
    """

    def __init__(self, position: str = "end", **kwargs):
        super().__init__(**kwargs)
        self.position = check_choice("position", position, POSITIONS)

    def call(self, inputs):
        maps, reference = inputs
        height, width = height_width(reference)
        if self.position == "end":
            return maps[:, :height, :width]
        old_height, old_width = height_width(maps)
        top, left = (old_height - height) // 2, (old_width - width) // 2
        return maps[:, top : top + height, left : left + width]

    def compute_output_shape(self, input_shape):
        maps, reference = check_pair(input_shape, "CropLike")
        for old, new in zip(maps[1:3], reference[1:3], strict=True):
            if None not in (old, new) and old < new:
                raise InputError(
                    f"CropLike: maps must be at least as large as the reference, {reference[1]}×"
                    f"{reference[2]}, not {maps[1]}×{maps[2]}."
                )
        return maps[0], reference[1], reference[2], maps[3]
