"""Masks relative to their boxes: cropped to other boxes, or pasted into an image.

Both are separable, two products with matrices of bilinear weights, on every backend and in LiteRT.
"""

from __future__ import annotations

from keras import ops


def crop_masks(masks, boxes, windows, size: int):
    """Resamples masks relative to other boxes.

    Args:
        masks: masks (B, P, M, M) in 0…1, each relative to its box.
        boxes: boxes (B, P, 4) xyxy of the masks.
        windows: boxes (B, P, 4) xyxy of the result.
        size: cells per side of the result.

    Returns:
        Masks (B, P, size, size) float32 in 0…1; 0 outside of the boxes.
    """
    masks = ops.cast(masks, "float32")
    step = (ops.arange(size, dtype="float32") + 0.5) / size
    x = windows[..., 0:1] + step * (windows[..., 2:3] - windows[..., 0:1])
    y = windows[..., 1:2] + step * (windows[..., 3:4] - windows[..., 1:2])
    across = _weights(x, boxes[..., 0:1], boxes[..., 2:3], masks.shape[-1])
    down = _weights(y, boxes[..., 1:2], boxes[..., 3:4], masks.shape[-2])
    return ops.matmul(ops.matmul(down, masks), ops.swapaxes(across, -1, -2))


def paste_masks(masks, boxes, height, width):
    """Pastes masks into an image.

    Args:
        masks: masks (B, D, M, M) in 0…1, each relative to its box.
        boxes: boxes (B, D, 4) xyxy in pixels of the image.
        height: height of the image, an integer or a scalar tensor.
        width: width of the image, an integer or a scalar tensor.

    Returns:
        Masks (B, D, height, width) float32 in 0…1, sampled at the centres of the pixels.
    """
    masks = ops.cast(masks, "float32")
    x = ops.reshape(ops.cast(ops.arange(width), "float32") + 0.5, (1, 1, -1))
    y = ops.reshape(ops.cast(ops.arange(height), "float32") + 0.5, (1, 1, -1))
    across = _weights(x, boxes[..., 0:1], boxes[..., 2:3], masks.shape[-1])
    down = _weights(y, boxes[..., 1:2], boxes[..., 3:4], masks.shape[-2])
    return ops.matmul(ops.matmul(down, masks), ops.swapaxes(across, -1, -2))


def _weights(position, low, high, cells: int):
    """Bilinear weights (…, n, cells) of positions (…, n) between `low` and `high` (…, 1).

    Cells are at the centres of equal parts; the outermost ones are repeated up to the edges of the
    box, and the weights outside are 0.
    """
    length = high - low
    fraction = (position - low) / ops.maximum(length, 1e-6)
    inside = ops.logical_and(ops.logical_and(fraction >= 0, fraction < 1), length > 0)
    cell = ops.clip(fraction * cells - 0.5, 0.0, cells - 1.0)
    distance = ops.abs(cell[..., None] - ops.arange(cells, dtype="float32"))
    return ops.maximum(1.0 - distance, 0.0) * ops.cast(inside, "float32")[..., None]
