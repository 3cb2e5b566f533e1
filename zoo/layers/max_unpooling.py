"""Max pooling with the positions of its maxima, and the unpooling that uses them.

The switches of Noh, Hong & Han, *Learning Deconvolution Network for Semantic Segmentation*,
ICCV 2015, and of Badrinarayanan, Kendall & Cipolla, *SegNet*, TPAMI 39(12), 2017.
"""

from __future__ import annotations

import keras
from keras import ops

from zoo.errors import InputError
from zoo.layers.shapes import MapLayer, check_map, check_positive, height_width, interleave, times


@keras.saving.register_keras_serializable(package="zoo")
class MaxPoolWithIndices(MapLayer):
    """Max pooling over windows that do not overlap, with the position of each maximum.

    Takes maps (N, H, W, C) and returns `(pooled, switches)`, both (N, ceil(H/k), ceil(W/k), C).
    Windows across the bottom or right edge hold the pixels inside the map. A switch is int32,
    `row * k + column` inside its window. Of equal values the first in row-major order is the
    maximum, and it alone receives the gradient.

    Args:
        pool_size: side k and stride of the windows, in pixels.
    """

    def __init__(self, pool_size: int = 2, **kwargs):
        super().__init__(**kwargs)
        self.pool_size = check_positive(pool_size, "pool_size")

    def call(self, inputs):
        k = self.pool_size
        cells = [cell for row in _phases(inputs, 1, k) for cell in _phases(row, 2, k)]
        pooled = cells[0]
        switches = ops.zeros_like(pooled, dtype="int32")
        for position, cell in enumerate(cells[1:], start=1):
            larger = ops.greater(cell, pooled)
            pooled = ops.where(larger, cell, pooled)
            switches = ops.where(larger, ops.full_like(switches, position), switches)
        return pooled, switches

    def compute_output_spec(self, inputs):
        shape = self.compute_output_shape(inputs.shape)[0]
        return keras.KerasTensor(shape, inputs.dtype), keras.KerasTensor(shape, "int32")

    def compute_output_shape(self, input_shape):
        batch, height, width, channels = check_map(input_shape, "MaxPoolWithIndices")
        shape = (batch, _pooled(height, self.pool_size), _pooled(width, self.pool_size), channels)
        return shape, shape


@keras.saving.register_keras_serializable(package="zoo")
class MaxUnpool(MapLayer):
    """Writes values to the positions of earlier maxima, and zero everywhere else.

    Takes `[maps, switches]`, both (N, H, W, C), or `[maps, switches, reference]`; the result is
    (N, k·H, k·W, C), cropped at the bottom and right to the size of the reference, such as the map
    before its pooling.

    Args:
        pool_size: `pool_size` of the `MaxPoolWithIndices` with these switches.
        output_size: (height, width) of the result without a reference; None for (k·H, k·W).

    Raises:
        InputError: if a known output size does not pool to the size of the maps.
    """

    def __init__(self, pool_size: int = 2, output_size: tuple[int, int] | None = None, **kwargs):
        super().__init__(**kwargs)
        self.pool_size = check_positive(pool_size, "pool_size")
        self.output_size = None if output_size is None else tuple(output_size)

    def call(self, inputs):
        maps, switches = inputs[:2]
        k = self.pool_size
        # int16, because TensorFlow compares int32 on the host and LiteRT quantizes int8.
        switches = ops.cast(switches, "int16")
        zeros = ops.zeros_like(maps)
        cells = [
            ops.where(ops.equal(switches, ops.full_like(switches, p)), maps, zeros)
            for p in range(k * k)
        ]
        whole = interleave([cells[row * k : row * k + k] for row in range(k)])
        height, width = self._target(inputs)
        return whole if height is None else whole[:, :height, :width]

    def _target(self, inputs) -> tuple:
        if len(inputs) == 3:
            return height_width(inputs[2])
        return self.output_size or (None, None)

    def compute_output_shape(self, input_shape):
        if len(input_shape) not in (2, 3):
            raise InputError(
                "inputs must be [maps, switches] or [maps, switches, reference], not "
                f"{len(input_shape)} tensors."
            )
        maps, switches = (check_map(shape, "MaxUnpool") for shape in input_shape[:2])
        if maps[1:] != switches[1:]:
            raise InputError(f"maps and switches must have one shape, not {maps} and {switches}.")
        k = self.pool_size
        if len(input_shape) == 3:
            target = tuple(input_shape[2][1:3])
        else:
            target = self.output_size or (times(maps[1], k), times(maps[2], k))
        for side, pooled in zip(target, maps[1:3], strict=True):
            if None not in (side, pooled) and _pooled(side, k) != pooled:
                raise InputError(
                    f"a map of {maps[1]}×{maps[2]} cannot be unpooled by {k} to "
                    f"{target[0]}×{target[1]}; use sides above {k}·(side − 1), up to {k}·side."
                )
        return (maps[0], *target, maps[3])


def _pooled(side: int | None, k: int) -> int | None:
    return None if side is None else -(-side // k)


def _phases(x, axis: int, k: int) -> list:
    """The k maps of every k-th line along an axis, starting at line 0, 1, … k − 1."""
    size = x.shape[axis]
    overhang = size is None or size % k != 0
    if overhang:
        # Repeated edge pixels tie with an earlier pixel of their window and are never its maximum.
        last = x[:, -1:] if axis == 1 else x[:, :, -1:]
        x = ops.concatenate([x] + [last] * (k - 1), axis=axis)
    phases = []
    for first in range(k):
        stop = first - k + 1 if overhang and first < k - 1 else None
        lines = slice(first, stop, k)
        phases.append(x[:, lines] if axis == 1 else x[:, :, lines])
    return phases
