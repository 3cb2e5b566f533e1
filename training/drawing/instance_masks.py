"""Objects' masks pasted from the frames of their boxes and laid over an image."""

from __future__ import annotations

import numpy as np

from training.drawing.colors import Color

_FILL = 0.4
Window = tuple[slice, slice]


def paste_mask(mask: np.ndarray, box: np.ndarray, height: int, width: int) -> np.ndarray:
    """An object's mask in the frame of its box as a mask of the whole image.

    The mask's M×M cells cover the box evenly. A pixel's value is interpolated bilinearly at its
    centre, beyond the outer cells' centres it is theirs, and from one half on it is in.

    Args:
        mask: (M, M) of 0 and 1, whole numbers in 0…255 (shares of a cell) or fractions in 0…1.
        box: (4,) xyxy in pixels.
        height, width: of the image, in pixels.

    Returns:
        (height, width) bool; all False for a box without area or outside the image.
    """
    pasted = np.zeros((height, width), bool)
    window = window_of(box, height, width)
    if window is not None:
        pasted[window] = paste_window(mask, box, window)
    return pasted


def window_of(box: np.ndarray, height: int, width: int) -> Window | None:
    """Rows and columns of the pixels whose centres are in a box; None if there are none."""
    box = np.asarray(box, np.float64)
    if not np.isfinite(box).all():
        return None
    limits = np.array([width, height, width, height])
    x0, y0, x1, y1 = np.clip(np.ceil(box - 0.5), 0, limits).astype(int)
    return (slice(y0, y1), slice(x0, x1)) if x1 > x0 and y1 > y0 else None


def paste_window(mask: np.ndarray, box: np.ndarray, window: Window) -> np.ndarray:
    """(h, w) bool: the part of `paste_mask` inside a window of rows and columns."""
    values = mask.astype(np.float32)
    if mask.dtype.kind in "iu" and mask.max(initial=0) > 1:
        values /= 255
    rows = _places(window[0], float(box[1]), float(box[3]), mask.shape[0])
    columns = _places(window[1], float(box[0]), float(box[2]), mask.shape[1])
    (top, bottom, down), (left, right, across) = rows, columns
    along = values[:, left] * (1 - across) + values[:, right] * across
    return along[top] * (1 - down[:, None]) + along[bottom] * down[:, None] >= 0.5


def _places(pixels: slice, start: float, stop: float, cells: int):
    """Cells before and after each pixel's centre, and how far it is between their centres."""
    centers = np.arange(pixels.start, pixels.stop) + 0.5
    place = np.clip((centers - start) / (stop - start) * cells - 0.5, 0, cells - 1)
    before = np.floor(place).astype(int)
    return before, np.minimum(before + 1, cells - 1), (place - before).astype(np.float32)


def lay_over(pixels: np.ndarray, window: Window, inside: np.ndarray, color: Color, rim: int):
    """Fills a mask with a colour and draws its contour, in place.

    Args:
        pixels: (H, W, 3) uint8.
        window: rows and columns that `inside` belongs to.
        inside: (h, w) bool.
        color: RGB.
        rim: thickness of the contour in pixels.
    """
    part = pixels[window]
    paint = np.array(color, np.float32)
    part[inside] = ((1 - _FILL) * part[inside] + _FILL * paint).astype(np.uint8)
    part[inside & ~_eroded(inside, rim)] = color


def _eroded(inside: np.ndarray, times: int) -> np.ndarray:
    """The pixels all of whose four neighbours are in, so many times over."""
    for _ in range(times):
        padded = np.pad(inside, 1)
        inside = (
            inside & padded[:-2, 1:-1] & padded[2:, 1:-1] & padded[1:-1, :-2] & padded[1:-1, 2:]
        )
    return inside
