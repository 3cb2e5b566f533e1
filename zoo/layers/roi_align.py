"""RoIAlign: maps of one size for boxes of any size, without rounding a coordinate.

He et al., *Mask R-CNN*, ICCV 2017; the level of a box as in Lin et al., *Feature Pyramid Networks
for Object Detection*, CVPR 2017.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from keras import ops

from zoo.boxes.formats import areas
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
    """Cuts each box into equal bins and averages bilinear samples at regular points of each.

    A sample more than one cell outside the map is 0, one nearer is that of the border.

    Args:
        features: {level: (B, H, W, C)}, of which each box takes the one that `pyramid_levels` says,
            or one map (B, H, W, C).
        boxes: (B, R, 4) xyxy, in pixels of the canvas. One with a NaN or infinite coordinate counts
            as the empty box at (0, 0).
        size: bins down and across.
        sampling_ratio: points a side in each bin, the paper's 2.
        aligned: subtract half a cell, so that a box over pixels covers just their cells. False is
            the first published form, which also enlarges a box to at least one cell: torchvision's
            pretrained detectors were trained with it.
        strides: pixels between cells: a number for one map, default {level: 2**level} for several.
        canonical_size, canonical_level: a box of that side, in pixels, takes that level.
        box_gradient: whether a gradient flows to the boxes; the paper has none.

    Returns:
        (B, R, down, across, C) in the dtype of the maps, computed in float32.

    Raises:
        InputError: no map, one map without its stride, or a size or ratio below 1.
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
    for row, share_y in rows:
        start = first + ops.expand_dims(row, -1) * width
        for column, share_x in columns:
            share = ops.expand_dims(share_y, -1) * ops.expand_dims(share_x, -2)
            terms.append((start + ops.expand_dims(column, -2), share / ratio**2))
    return weighted_cells(table, terms)


def pyramid_levels(
    boxes, lowest: int, highest: int, canonical_size: float = 224, canonical_level: int = 4
):
    """⌊k₀ + log₂(√(w·h) / 224)⌋ between the lowest and the highest level, k₀ = 4.

    Compared by area, since a logarithm may round either way at a power of two.

    Args:
        boxes: (…, 4) xyxy in pixels.
        lowest, highest: levels there are.
        canonical_size, canonical_level: 224 and k₀.

    Returns:
        (…) int32.
    """
    area = areas(precise(boxes))
    level = ops.full_like(area, lowest, dtype="int32")
    for higher in range(lowest + 1, highest + 1):
        least = (canonical_size * 2.0 ** (higher - canonical_level)) ** 2
        # 2·log₂ is 1e-6 short of the whole number there, as in the common implementations.
        level = level + ops.cast(area >= least * 2**-2e-6, "int32")
    return level


def _levels(features, strides) -> tuple[dict[int, Any], list[float]]:
    """The maps by level, lowest first, with no gap, and their strides."""
    if not isinstance(features, Mapping):
        if not isinstance(strides, (int, float)) or strides <= 0:
            raise InputError(f"One map needs its stride in pixels, not strides={strides!r}.")
        return {0: features}, [float(strides)]
    names = sorted(features)
    if not names or names != list(range(names[0], names[-1] + 1)):
        raise InputError(f"RoIAlign takes maps of levels without a gap, not {names}.")
    steps = {k: 2**k for k in names} if strides is None else strides
    if not isinstance(steps, Mapping) or not all(steps.get(k, 0) > 0 for k in names):
        raise InputError(f"Maps of levels {names} need a stride each, not strides={strides!r}.")
    return {k: features[k] for k in names}, [float(steps[k]) for k in names]


def _table(maps: Mapping[int, Any], number):
    """All cells (S, C), and for each box (B, R) its level's first cell, height and width."""
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
    """Cells and shares along one axis, each (B, R, bins): two for each of the points in a bin."""
    if aligned:
        low, high = low - 0.5, high - 0.5
    length = high - low if aligned else ops.maximum(high - low, 1.0)
    low, step, size = (ops.expand_dims(x, -1) for x in (low, length / bins, size))
    line = ops.cast(ops.arange(bins, dtype="int32"), low.dtype)
    cells = []
    for point in range(ratio):
        place = low + (line + (point + 0.5) / ratio) * step
        cells += axis_corners(place, size, "roi")
    return cells
