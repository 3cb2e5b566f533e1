"""RoIAlign: features of a fixed size for boxes of any size, without rounding coordinates.

He et al., *Mask R-CNN*, ICCV 2017; the level of a box as in Lin et al., *Feature Pyramid Networks
for Object Detection*, CVPR 2017.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from keras import ops

from zoo.boxes.box_formats import areas
from zoo.boxes.numerics import corners, precise, repaired
from zoo.errors import InputError
from zoo.layers.bilinear_sample import axis_corners, weighted_cells
from zoo.layers.shapes import check_positive


def roi_align(
    features,
    boxes,
    size: int | tuple[int, int],
    sampling_ratio: int = 2,
    aligned: bool = True,
    strides: float | Mapping[int, float] | None = None,
    canonical_size: float = 224,
    canonical_level: int = 4,
    box_gradient: bool = False,
):
    """Averages bilinear samples of the map in each bin of each box.

    A sample more than one cell outside the map is 0, a nearer one has the value of the border.

    Args:
        features: one map (B, H, W, C), or {level: map}, of which each box has the level given by
            `pyramid_levels`.
        boxes: boxes (B, R, 4) xyxy, in pixels of the model input. One with a NaN or infinite
            coordinate counts as the empty box at (0, 0).
        size: rows and columns of bins.
        sampling_ratio: samples per side of each bin.
        aligned: whether to subtract half a cell. False is the first published form, which also
            enlarges boxes to at least one cell, as in torchvision's pretrained detectors.
        strides: stride in pixels of one map, or {level: stride}; None for {level: 2**level}.
        canonical_size: side in pixels of a box on the canonical level.
        canonical_level: canonical level.
        box_gradient: whether gradients flow to the boxes; not in the paper.

    Returns:
        Features (B, R, rows, columns, C) in the dtype of the maps, computed in float32.
    """
    maps, steps = _levels(features, strides)
    down, across = (
        check_positive(side, "size") for side in ((size, size) if isinstance(size, int) else size)
    )
    ratio = check_positive(sampling_ratio, "sampling_ratio")
    boxes = repaired(boxes if box_gradient else ops.stop_gradient(ops.convert_to_tensor(boxes)))
    names = list(maps)
    number = pyramid_levels(boxes, names[0], names[-1], canonical_size, canonical_level) - names[0]
    table, first, height, width = _table(maps, number)
    scale = ops.take(ops.cast(ops.convert_to_tensor(steps), boxes.dtype), number, axis=0)
    x1, y1, x2, y2 = (side / scale for side in corners(boxes))
    rows = _samples(y1, y2, down, ratio, aligned, height)
    columns = _samples(x1, x2, across, ratio, aligned, width)
    first, width = first[..., None, None], width[..., None, None]
    terms = []
    for row, weight_y in rows:
        start = first + ops.expand_dims(row, -1) * width
        for column, weight_x in columns:
            weight = ops.expand_dims(weight_y, -1) * ops.expand_dims(weight_x, -2)
            terms.append((start + ops.expand_dims(column, -2), weight / ratio**2))
    return weighted_cells(table, terms)


def pyramid_levels(
    boxes, lowest: int, highest: int, canonical_size: float = 224, canonical_level: int = 4
):
    """Returns the pyramid level ⌊k₀ + log₂(√(w·h) / 224)⌋ (…) int32 of boxes (…, 4) xyxy in pixels.

    k₀ is the canonical level, 224 the side of a box on it. Areas are compared, since a logarithm
    may round either way at a power of two.
    """
    area = areas(precise(boxes))
    level = ops.full_like(area, lowest, dtype="int32")
    for higher in range(lowest + 1, highest + 1):
        least = (canonical_size * 2.0 ** (higher - canonical_level)) ** 2
        # The common implementations add 1e-6 to the logarithm.
        level = level + ops.cast(area >= least * 2**-2e-6, "int32")
    return level


def _levels(features, strides) -> tuple[dict[int, Any], list[float]]:
    """The maps by level, lowest first, and their strides."""
    if not isinstance(features, Mapping):
        if not isinstance(strides, (int, float)) or strides <= 0:
            raise InputError(f"strides must be the stride of the map, not {strides!r}.")
        return {0: features}, [float(strides)]
    names = sorted(features)
    if not names or names != list(range(names[0], names[-1] + 1)):
        raise InputError(f"features must have consecutive levels, not {names!r}.")
    steps = {k: 2**k for k in names} if strides is None else strides
    if not isinstance(steps, Mapping) or not all(steps.get(k, 0) > 0 for k in names):
        raise InputError(f"strides must have the levels {names}, not {strides!r}.")
    return {k: features[k] for k in names}, [float(steps[k]) for k in names]


def _table(maps: Mapping[int, Any], number):
    """The cells (S, C) of all maps, and first cell, height and width of the level of each box."""
    heights, widths, flat, firsts = [], [], [], []
    cells: Any = 0
    for each in maps.values():
        batch, height, width, channels = ops.shape(each)
        flat.append(ops.reshape(each, (batch, height * width, channels)))
        heights.append(height)
        widths.append(width)
        firsts.append(cells)
        cells = cells + height * width
    whole = flat[0] if len(flat) == 1 else ops.concatenate(flat, axis=1)
    table = ops.reshape(whole, (-1, channels))

    def of_level(values):
        return ops.take(ops.stack([ops.cast(v, "int32") for v in values]), number, axis=0)

    image = ops.arange(ops.shape(number)[0], dtype="int32") * cells
    first = of_level(firsts) + ops.expand_dims(image, -1)
    return table, first, of_level(heights), of_level(widths)


def _samples(low, high, bins: int, ratio: int, aligned: bool, size) -> list:
    """Indices and weights (B, R, bins) along one axis, two per sample of a bin."""
    if aligned:
        low, high = low - 0.5, high - 0.5
    length = high - low if aligned else ops.maximum(high - low, 1.0)
    low, step, size = (ops.expand_dims(x, -1) for x in (low, length / bins, size))
    line = ops.cast(ops.arange(bins, dtype="int32"), low.dtype)
    cells = []
    for point in range(ratio):
        position = low + (line + (point + 0.5) / ratio) * step
        cells += axis_corners(position, size, "roi")
    return cells
