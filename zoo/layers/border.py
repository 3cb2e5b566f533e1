"""Padding by a fixed width, and padding to a size that strided maps align with."""

from __future__ import annotations

import keras
from keras import ops

from zoo.argument_checks import check_choice
from zoo.errors import InputError
from zoo.layers.padding import PAD_MODES, source_line
from zoo.layers.shapes import MapLayer, check_map, check_positive, height_width


@keras.saving.register_keras_serializable(package="zoo")
class PadBorder(MapLayer):
    """Pads maps (N, H, W, C) of any size by a border of fixed width.

    Args:
        before: lines added at the top and at the left, in pixels.
        after: lines added at the bottom and at the right; None for as many as `before`.
        mode: `"reflect"`, `"symmetric"`, `"edge"` or `"zero"`, as of `PadToMultiple`; the border
            may be wider than the map.

    Raises:
        InputError: if a width is negative or the mode unknown.
    """

    def __init__(self, before: int, after: int | None = None, mode: str = "reflect", **kwargs):
        super().__init__(**kwargs)
        after = before if after is None else after
        if before < 0 or after < 0:
            raise InputError(f"before and after must be at least 0, not {before!r} and {after!r}.")
        self.before, self.after = int(before), int(after)
        self.mode = check_choice("mode", mode, PAD_MODES)

    def call(self, inputs):
        if self.mode == "zero":
            line = [self.before, self.after]
            return ops.pad(inputs, [[0, 0], line, line, [0, 0]])
        for axis in (1, 2):
            size = height_width(inputs)[axis - 1]
            line = ops.arange(size + self.before + self.after, dtype="int32") - self.before
            inputs = ops.take(inputs, source_line(line, size, self.mode), axis=axis)
        return inputs

    def compute_output_shape(self, input_shape):
        batch, height, width, channels = check_map(input_shape, "PadBorder")
        both = self.before + self.after
        return batch, *(None if s is None else s + both for s in (height, width)), channels


@keras.saving.register_keras_serializable(package="zoo")
class PadToGrid(MapLayer):
    """Pads images (N, H, W, C) at the bottom and right until both sides are m·stride + 1.

    On such a size the outputs of a strided convolution with symmetric padding are at pixels 0,
    stride, 2·stride … up to the last one, and resizing by `"bilinear_aligned"` aligns them with
    the image. The border mirrors the image.

    Args:
        stride: stride of the network, in pixels.
    """

    def __init__(self, stride: int, **kwargs):
        super().__init__(**kwargs)
        self.stride = check_positive(stride, "stride")

    def call(self, inputs):
        for axis in (1, 2):
            size = height_width(inputs)[axis - 1]
            missing = (1 - size) % self.stride
            if isinstance(missing, int) and missing == 0:
                continue
            line = ops.arange(size + missing, dtype="int32")
            inputs = ops.take(inputs, source_line(line, size, "reflect"), axis=axis)
        return inputs

    def compute_output_shape(self, input_shape):
        batch, height, width, channels = check_map(input_shape, "PadToGrid")
        sides = (None if s is None else s + (1 - s) % self.stride for s in (height, width))
        return batch, *sides, channels
