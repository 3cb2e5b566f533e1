"""Padding to a multiple and cropping back, so that a network takes any height and width."""

from __future__ import annotations

import keras
from keras import ops

from zoo.errors import InputError
from zoo.layers.shapes import MapLayer, check_map, check_pair, check_positive, height_width

PAD_MODES = ("reflect", "symmetric", "edge", "zero")
POSITIONS = ("end", "centre")


def _check_position(position: str) -> str:
    if position not in POSITIONS:
        raise InputError(f"position={position!r} is unknown; use one of {', '.join(POSITIONS)}")
    return position


@keras.saving.register_keras_serializable(package="zoo")
class PadToMultiple(MapLayer):
    """Pad maps (N, H, W, C) until both sides divide by a number; `CropLike` undoes it.

    Args:
        divisor: what both sides of the result divide by, in pixels.
        mode: "reflect" (mirror without repeating the edge), "symmetric" (mirror with it),
            "edge" (repeat the edge) or "zero". Every mode takes maps of any size.
        position: "end" pads at the bottom and right; "centre" on both sides, the odd line at the
            bottom and right.
    """

    def __init__(self, divisor: int, mode: str = "reflect", position: str = "end", **kwargs):
        super().__init__(**kwargs)
        self.divisor = check_positive(divisor, "divisor")
        if mode not in PAD_MODES:
            raise InputError(f"mode={mode!r} is unknown; use one of {', '.join(PAD_MODES)}")
        self.mode = mode
        self.position = _check_position(position)

    def call(self, inputs):
        return self._pad_axis(self._pad_axis(inputs, 1), 2)

    def _pad_axis(self, x, axis: int):
        if x.shape[axis] is not None and x.shape[axis] % self.divisor == 0:
            return x
        size = height_width(x)[axis - 1]
        total = (-size) % self.divisor
        before = total // 2 if self.position == "centre" else 0
        if self.mode == "zero":
            widths = [[0, 0]] * 4
            widths[axis] = [before, total - before]
            return ops.pad(x, widths)
        line = ops.arange(size + total, dtype="int32") - before
        return ops.take(x, _source_line(line, size, self.mode), axis=axis)

    def compute_output_shape(self, input_shape):
        batch, height, width, channels = check_map(input_shape, "PadToMultiple")
        sides = (None if s is None else s + -s % self.divisor for s in (height, width))
        return (batch, *sides, channels)

    def get_config(self):
        own = {"divisor": self.divisor, "mode": self.mode, "position": self.position}
        return {**super().get_config(), **own}


def _source_line(line, size, mode: str):
    """The line of a map of `size` lines that stands at each, maybe outside, position."""
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
    """Crop the maps of `[maps, reference]` to the height and width of the reference.

    Args:
        position: "end" drops lines at the bottom and right; "centre" on both sides, the odd line
            at the bottom and right.

    Raises:
        InputError: if a known side of the maps is smaller than the reference's.
    """

    def __init__(self, position: str = "end", **kwargs):
        super().__init__(**kwargs)
        self.position = _check_position(position)

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
                    f"maps of {maps[1]}x{maps[2]} cannot be cropped to {reference[1]}x"
                    f"{reference[2]}; the maps must be at least as large as the reference"
                )
        return maps[0], reference[1], reference[2], maps[3]

    def get_config(self):
        return {**super().get_config(), "position": self.position}
