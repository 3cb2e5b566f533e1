"""Masks relative to their boxes: cropped to other boxes, or pasted into an image.

Both are separable, two products with matrices of bilinear weights, on every backend and in LiteRT.
"""

from __future__ import annotations

from keras import ops


def crop_masks(masks, boxes, windows, size: int):
    """Resamples masks (B, P, M, M), relative to boxes (B, P, 4) xyxy, relative to other boxes.

    Returns masks (B, P, size, size) float32 of the windows (B, P, 4) xyxy; 0 outside of the boxes.
    """
    step = (ops.arange(size, dtype="float32") + 0.5) / size
    x = windows[..., 0:1] + step * (windows[..., 2:3] - windows[..., 0:1])
    y = windows[..., 1:2] + step * (windows[..., 3:4] - windows[..., 1:2])
    return _resampled(masks, boxes, x, y)


def paste_masks(masks, boxes, height, width):
    """Pastes masks (B, D, M, M), relative to boxes (B, D, 4) xyxy in pixels, into an image.

    Returns masks (B, D, height, width) float32, sampled at the centers of the pixels; height and
    width may be scalar tensors.
    """
    x = ops.reshape(ops.cast(ops.arange(width), "float32") + 0.5, (1, 1, -1))
    y = ops.reshape(ops.cast(ops.arange(height), "float32") + 0.5, (1, 1, -1))
    return _resampled(masks, boxes, x, y)


def _resampled(masks, boxes, x, y):
    """Values of masks at columns x and rows y, in the unit of their boxes."""
    masks = ops.cast(masks, "float32")
    across = _weights(x, boxes[..., 0:1], boxes[..., 2:3], masks.shape[-1])
    down = _weights(y, boxes[..., 1:2], boxes[..., 3:4], masks.shape[-2])
    return ops.matmul(ops.matmul(down, masks), ops.swapaxes(across, -1, -2))


def _weights(position, low, high, cells: int):
    """Bilinear weights (…, n, cells) of positions (…, n) between `low` and `high` (…, 1).

    Cells are at the centers of equal parts; the outermost ones are repeated up to the edges of the
    box, and the weights outside are 0.
    """
    length = high - low
    fraction = (position - low) / ops.maximum(length, 1e-6)
    inside = ops.logical_and(ops.logical_and(fraction >= 0, fraction < 1), length > 0)
    cell = ops.clip(fraction * cells - 0.5, 0.0, cells - 1.0)
    distance = ops.abs(cell[..., None] - ops.arange(cells, dtype="float32"))
    return ops.maximum(1.0 - distance, 0.0) * ops.cast(inside, "float32")[..., None]
