"""Anchors: the boxes of fixed sizes and shapes that stand on every cell of a map.

Ren et al., *Faster R-CNN*, NIPS 2015; for feature pyramids Lin et al., CVPR 2017.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from keras import ops

from zoo.boxes.numerics import corners, precise
from zoo.errors import InputError

CONVENTIONS = ("rounded", "exact", "base16")


class AnchorGenerator:
    """Anchors of each level of a pyramid, or of one map.

    On a cell they are ordered by ratio, then by size; cells by row, then by column: the order of
    the outputs of a convolution whose channels are (ratio, size).

    Args:
        sizes: {level: square roots of the anchors' areas, in pixels}, such as
            `{2: (32,), 3: (64,), …}`, or `{4: (128, 256, 512)}` for one map.
        ratios: height over width.
        strides: {level: pixels between cells}; default 2**level.
        convention: how the anchors of one cell are made.
            `"rounded"`: √(area / ratio) wide, around the cell's top left corner, corners rounded
            to whole pixels, as the common public feature-pyramid models have them.
            `"exact"`: the same, not rounded.
            `"base16"`: as the Faster R-CNN paper's code: a box of the cell's size, its sides for
            each ratio rounded to whole pixels, enlarged about the cell's centre. Corners are edges
            of pixels: the first one is (-84, -40, 100, 56), which that code counts by pixels, both
            ends included, as [-83, -39, 100, 56] from one and [-84, -40, 99, 55] from zero.
        shapes: {level: (width, height) pairs in pixels} in place of sizes and ratios; they stand
            around the cell's centre, as those of DenseCap.

    Raises:
        InputError: no anchors, a number that is not above 0, or an unknown convention.
    """

    def __init__(
        self,
        sizes: Mapping[int, Sequence[float]] | None = None,
        ratios: Sequence[float] = (0.5, 1.0, 2.0),
        strides: Mapping[int, int] | None = None,
        convention: str = "rounded",
        shapes: Mapping[int, Sequence[tuple[float, float]]] | None = None,
    ):
        if convention not in CONVENTIONS:
            raise InputError(
                f"Unknown anchor convention {convention!r}; there are {', '.join(CONVENTIONS)}."
            )
        if (sizes is None) == (shapes is None):
            raise InputError("Anchors have either sizes and ratios, or shapes.")
        given: Mapping[int, Any] = (sizes if shapes is None else shapes) or {}
        self.strides = {level: (strides or {}).get(level, 2**level) for level in sorted(given)}
        values = [
            np.ravel(value) for value in (*given.values(), ratios, list(self.strides.values()))
        ]
        if not all(len(value) and value.min() > 0 for value in values):
            raise InputError("Anchor sizes, ratios and strides are numbers above 0, one at least.")
        self.cells = {}
        for level, stride in self.strides.items():
            if shapes is not None:
                cell = _around(np.asarray(shapes[level], "float64"), stride / 2)
            elif convention == "base16":
                cell = _enlarged(stride, given[level], ratios)
            else:
                cell = _of_areas(given[level], ratios)
                cell = np.round(cell) if convention == "rounded" else cell
            self.cells[level] = cell.astype("float32")

    def per_cell(self, level: int) -> int:
        """Number of anchors on a cell of that level."""
        return len(self.cells[level])

    def __call__(self, level: int, height, width, stride: tuple[Any, Any] | None = None):
        """Anchors of a map.

        Args:
            level: of the pyramid.
            height, width: of the map in cells, whole numbers or scalar tensors.
            stride: (down, across) in pixels in place of the level's own, for weights that were
                trained with another: image side // map side, say.

        Returns:
            (height·width·anchors of a cell, 4) float32 xyxy, in pixels of the canvas.

        Raises:
            InputError: no such level.
        """
        if level not in self.cells:
            raise InputError(f"There are anchors for levels {list(self.cells)}, not {level}.")
        down, across = stride or (self.strides[level],) * 2
        y = ops.cast(ops.arange(height, dtype="int32") * down, "float32")[:, None]
        x = ops.cast(ops.arange(width, dtype="int32") * across, "float32")[None, :]
        still_x, still_y = ops.zeros_like(x), ops.zeros_like(y)
        shift = ops.stack([x + still_y, y + still_x, x + still_y, y + still_x], axis=-1)
        anchors = ops.expand_dims(shift, 2) + self.cells[level]
        return ops.reshape(anchors, (-1, 4))

    def inside(self, anchors, height, width):
        """See `inside`."""
        return inside(anchors, height, width)


def inside(anchors, height, width):
    """Which anchors cross no border of the image; the paper trains on these alone.

    Args:
        anchors: (…, 4) xyxy.
        height, width: of the image: numbers, or tensors that broadcast with `anchors[..., 0]`,
            such as (B, 1) for anchors (A, 4) and images of several sizes.

    Returns:
        (…) bool.
    """
    x1, y1, x2, y2 = corners(precise(anchors))
    height, width = ops.cast(height, x1.dtype), ops.cast(width, x1.dtype)
    from_zero = ops.minimum(x1, y1) >= 0
    return ops.logical_and(from_zero, ops.logical_and(x2 <= width, y2 <= height))


def _around(shapes: np.ndarray, centre: float) -> np.ndarray:
    """Boxes (N, 4) around (centre, centre) from widths and heights (N, 2)."""
    return np.concatenate([centre - shapes / 2, centre + shapes / 2], axis=1)


def _of_areas(sizes: Sequence[float], ratios: Sequence[float]) -> np.ndarray:
    shapes = [(size / np.sqrt(ratio), size * np.sqrt(ratio)) for ratio in ratios for size in sizes]
    return _around(np.array(shapes), 0.0)


def _enlarged(base: float, sizes: Sequence[float], ratios: Sequence[float]) -> np.ndarray:
    shapes = []
    for ratio in ratios:
        width = np.round(np.sqrt(base * base / ratio))
        height = np.round(width * ratio)
        shapes += [(width * size / base, height * size / base) for size in sizes]
    return _around(np.array(shapes), base / 2)
