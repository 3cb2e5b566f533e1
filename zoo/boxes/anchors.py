"""Anchors: boxes of fixed sizes and aspect ratios at every cell of a map.

Ren et al., *Faster R-CNN*, NIPS 2015; for feature pyramids Lin et al., CVPR 2017.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from keras import ops

from zoo.argument_checks import check_choice
from zoo.boxes.numerics import corners, precise
from zoo.errors import InputError

CONVENTIONS = ("rounded", "exact", "base16")


class AnchorGenerator:
    """Anchors of each level of a pyramid, or of one map.

    The anchors are ordered by row, column, ratio and size, as the outputs of a convolution whose
    channels are (ratio, size).

    Args:
        sizes: {level: square roots of the anchors' areas, in pixels}, such as
            `{2: (32,), 3: (64,), …}`, or `{4: (128, 256, 512)}` for one map.
        ratios: aspect ratios, height / width.
        strides: {level: stride in pixels}; None for 2**level.
        convention: convention of the anchors of one cell. `"rounded"`: width √(area / ratio),
            centered on the cell's top left corner, with corners rounded to whole pixels, as in the
            common feature-pyramid models. `"exact"`: the same without rounding. `"base16"`: as in
            the code of the Faster R-CNN paper, a box of the cell's size with sides rounded to whole
            pixels for each ratio, scaled about the cell's center. Its first anchor is
            (-84, -40, 100, 56), in that code [-83, -39, 100, 56] with inclusive pixels from one.
        shapes: {level: (width, height) pairs in pixels} instead of sizes and ratios, around the
            cell's center, as in DenseCap.

    Raises:
        InputError: if there are no anchors, a number is not above 0 or the convention unknown.
    """

    def __init__(
        self,
        sizes: Mapping[int, Sequence[float]] | None = None,
        ratios: Sequence[float] = (0.5, 1.0, 2.0),
        strides: Mapping[int, int] | None = None,
        convention: str = "rounded",
        shapes: Mapping[int, Sequence[tuple[float, float]]] | None = None,
    ):
        check_choice("convention", convention, CONVENTIONS)
        if (sizes is None) == (shapes is None):
            found = "both" if sizes is None else "neither"
            raise InputError(f"one of sizes and shapes must be None, not {found}.")
        by_level: Mapping[int, Any] = (sizes if shapes is None else shapes) or {}
        self.strides = {level: (strides or {}).get(level, 2**level) for level in sorted(by_level)}
        values = [
            np.ravel(value) for value in (*by_level.values(), ratios, list(self.strides.values()))
        ]
        if not all(len(value) and value.min() > 0 for value in values):
            raise InputError(
                "sizes, shapes, ratios and strides must be numbers above 0, not "
                f"{[value.tolist() for value in values]}."
            )
        self.cells = {}
        for level, stride in self.strides.items():
            if shapes is not None:
                cell = _around(np.asarray(shapes[level], "float64"), stride / 2)
            elif convention == "base16":
                cell = _enlarged(stride, by_level[level], ratios)
            else:
                cell = _of_areas(by_level[level], ratios)
                cell = np.round(cell) if convention == "rounded" else cell
            self.cells[level] = cell.astype("float32")

    def per_cell(self, level: int) -> int:
        """Returns the number of anchors per cell of a level."""
        return len(self.cells[level])

    def __call__(self, level: int, height, width, stride: tuple[Any, Any] | None = None):
        """Returns anchors (height·width·anchors per cell, 4) float32 xyxy of the map of a level.

        Height and width are in cells, integers or scalar tensors; anchors are in pixels of the
        model input. None for the vertical and horizontal stride is that of the level.
        """
        check_choice("level", level, self.cells)
        down, across = stride or (self.strides[level],) * 2
        y = ops.cast(ops.arange(height, dtype="int32") * down, "float32")[:, None]
        x = ops.cast(ops.arange(width, dtype="int32") * across, "float32")[None, :]
        x, y = x + ops.zeros_like(y), y + ops.zeros_like(x)
        shift = ops.stack([x, y, x, y], axis=-1)
        anchors = ops.expand_dims(shift, 2) + self.cells[level]
        return ops.reshape(anchors, (-1, 4))

    def inside(self, anchors, height, width):
        """Returns `inside` of the anchors."""
        return inside(anchors, height, width)


def inside(anchors, height, width):
    """Returns which anchors are inside the image; the paper trains on these alone.

    Args:
        anchors: anchors (…, 4) xyxy.
        height: height of the image, a number or a tensor that broadcasts with `anchors[..., 0]`,
            such as (B, 1) for anchors (A, 4) and images of several sizes.
        width: width of the image, like `height`.

    Returns:
        Flags (…) bool.
    """
    x1, y1, x2, y2 = corners(precise(anchors))
    height, width = ops.cast(height, x1.dtype), ops.cast(width, x1.dtype)
    from_zero = ops.minimum(x1, y1) >= 0
    return ops.logical_and(from_zero, ops.logical_and(x2 <= width, y2 <= height))


def _around(shapes: np.ndarray, center: float) -> np.ndarray:
    """Boxes (N, 4) around (center, center) from widths and heights (N, 2)."""
    return np.concatenate([center - shapes / 2, center + shapes / 2], axis=1)


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
