"""Masks of objects: pasting into an image and drawing."""

from __future__ import annotations

import numpy as np

from training.drawing.colors import Color
from zoo.tasks.sample_schema import COVERED, IGNORE

_FILL = 0.4
Window = tuple[slice, slice]


def has_outline(masks: np.ndarray) -> np.ndarray:
    """Returns which objects (N,) have an outline: those with a cell other than 255."""
    return (np.asarray(masks) != IGNORE).any(axis=(1, 2))


def paste_mask(mask: np.ndarray, box: np.ndarray, height: int, width: int) -> np.ndarray:
    """Returns the mask of an object relative to its box as a mask (height, width) of the image.

    The M×M cells, 0 and 1, integers up to 254 or 255, or fractions in 0…1, cover the box (xyxy in
    pixels) evenly; cells of 255, of an object without outline, are inside. The value at the center
    of a pixel is interpolated bilinearly, without extrapolation; pixels with 0.5 or more are
    inside. A box without area or outside the image has none.
    """
    pasted = np.zeros((height, width), bool)
    window = window_of(box, height, width)
    if window is not None:
        pasted[window] = paste_window(mask, box, window)
    return pasted


def window_of(box: np.ndarray, height: int, width: int) -> Window | None:
    """Returns rows and columns of the pixels with their center in a box; None without any."""
    box = np.asarray(box, np.float64)
    if not np.isfinite(box).all():
        return None
    limits = np.array([width, height, width, height])
    x0, y0, x1, y1 = np.clip(np.ceil(box - 0.5), 0, limits).astype(int)
    return (slice(y0, y1), slice(x0, x1)) if x1 > x0 and y1 > y0 else None


def paste_window(mask: np.ndarray, box: np.ndarray, window: Window) -> np.ndarray:
    """Returns the part (h, w) of `paste_mask` in a window of rows and columns."""
    values = mask.astype(np.float32)
    if mask.dtype.kind in "iu" and mask.max(initial=0) > 1:
        values /= max(COVERED, mask.max())
    rows = _cells(window[0], float(box[1]), float(box[3]), mask.shape[0])
    columns = _cells(window[1], float(box[0]), float(box[2]), mask.shape[1])
    (top, bottom, down), (left, right, across) = rows, columns
    along = values[:, left] * (1 - across) + values[:, right] * across
    return along[top] * (1 - down[:, None]) + along[bottom] * down[:, None] >= 0.5


def _cells(pixels: slice, start: float, stop: float, cells: int):
    """Returns the cells before and after each pixel's center, and its fraction between them."""
    centers = np.arange(pixels.start, pixels.stop) + 0.5
    position = np.clip((centers - start) / (stop - start) * cells - 0.5, 0, cells - 1)
    before = np.floor(position).astype(int)
    return before, np.minimum(before + 1, cells - 1), (position - before).astype(np.float32)


def lay_over(pixels: np.ndarray, window: Window, inside: np.ndarray, color: Color, rim: int):
    """Fills a mask (h, w) bool in a window of (H, W, 3) uint8 pixels with a color, in place.

    Its contour is `rim` pixels wide.
    """
    part = pixels[window]
    paint = np.array(color, np.float32)
    part[inside] = ((1 - _FILL) * part[inside] + _FILL * paint).astype(np.uint8)
    part[inside & ~_eroded(inside, rim)] = color


def _eroded(inside: np.ndarray, times: int) -> np.ndarray:
    """Returns the mask after `times` erosions with four neighbors."""
    for _ in range(times):
        padded = np.pad(inside, 1)
        inside = (
            inside & padded[:-2, 1:-1] & padded[2:, 1:-1] & padded[1:-1, :-2] & padded[1:-1, 2:]
        )
    return inside
