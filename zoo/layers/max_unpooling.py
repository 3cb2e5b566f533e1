"""Max pooling that remembers where each maximum stood, and the unpooling that puts it back.

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
    """Max pooling over windows that do not overlap, with the place of each maximum.

    Call on maps (N, H, W, C); returns `(pooled, switches)`, both (N, ceil(H/k), ceil(W/k), C).
    A window that sticks out at the bottom or right edge holds the pixels that exist. A switch is
    int32, `row * k + column` inside its own window, so it depends neither on the batch nor on
    the size of the map; among equal values the first in row-major order wins, and it alone
    receives the gradient.

    Args:
        pool_size: k, the side and the stride of a window, in pixels.
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

    def get_config(self):
        return {**super().get_config(), "pool_size": self.pool_size}


@keras.saving.register_keras_serializable(package="zoo")
class MaxUnpool(MapLayer):
    """Put pooled values back where their maxima stood, and zero everywhere else.

    Call on `[maps, switches]`, both (N, H, W, C), or on `[maps, switches, reference]`; the result
    is (N, k*H, k*W, C), cut at the bottom and right to the height and width of the reference.
    With the map that was pooled as reference, an odd side (45 -> 23 -> 45) comes back exactly.

    Args:
        pool_size: k of the `MaxPoolWithIndices` that made the switches.
        output_size: fixed (height, width) to cut to when there is no reference; default k*H, k*W.

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
        # int16, because TensorFlow compares int32 on the host and LiteRT quantises int8.
        switches = ops.cast(switches, "int16")
        nothing = ops.zeros_like(maps)
        cells = [
            ops.where(ops.equal(switches, ops.full_like(switches, p)), maps, nothing)
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
            raise InputError("MaxUnpool takes [maps, switches] or [maps, switches, reference]")
        maps, switches = (check_map(shape, "MaxUnpool") for shape in input_shape[:2])
        if maps[1:] != switches[1:]:
            raise InputError(f"maps {maps} and switches {switches} must have one shape")
        k = self.pool_size
        if len(input_shape) == 3:
            target = tuple(input_shape[2][1:3])
        else:
            target = self.output_size or (times(maps[1], k), times(maps[2], k))
        for side, pooled in zip(target, maps[1:3], strict=True):
            if None not in (side, pooled) and _pooled(side, k) != pooled:
                raise InputError(
                    f"a map of {maps[1]}x{maps[2]} cannot unpool by {k} to {target[0]}x{target[1]}:"
                    f" each side must be more than {k}*(side-1) and at most {k}*side"
                )
        return (maps[0], *target, maps[3])

    def get_config(self):
        own = {"pool_size": self.pool_size, "output_size": self.output_size}
        return {**super().get_config(), **own}


def _pooled(side: int | None, k: int) -> int | None:
    return None if side is None else -(-side // k)


def _phases(x, axis: int, k: int) -> list:
    """The k maps that hold every k-th line along an axis, from line 0, 1, ... k-1 on."""
    size = x.shape[axis]
    overhang = size is None or size % k != 0
    if overhang:
        # Repeated edge pixels only tie with a pixel earlier in their window: they never win.
        last = x[:, -1:] if axis == 1 else x[:, :, -1:]
        x = ops.concatenate([x] + [last] * (k - 1), axis=axis)
    phases = []
    for first in range(k):
        stop = first - k + 1 if overhang and first < k - 1 else None
        lines = slice(first, stop, k)
        phases.append(x[:, lines] if axis == 1 else x[:, :, lines])
    return phases
