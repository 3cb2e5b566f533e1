"""Masks in the frame of a box: cut for another box, or pasted into an image.

Both are separable: along each axis a matrix of bilinear weights, so that any number of masks is two
matrix products, on every backend and in LiteRT.
"""

from __future__ import annotations

from keras import ops


def crop_masks(masks, boxes, windows, size: int):
    """What masks look like in the frames of other boxes.

    Args:
        masks: (B, P, M, M) in 0…1, each in the frame of its box.
        boxes: (B, P, 4) xyxy.
        windows: (B, P, 4) xyxy, the frames wanted.
        size: cells a side of the result.

    Returns:
        (B, P, size, size) float32 in 0…1; 0 outside of the box.
    """
    masks = ops.cast(masks, "float32")
    step = (ops.arange(size, dtype="float32") + 0.5) / size
    x = windows[..., 0:1] + step * (windows[..., 2:3] - windows[..., 0:1])
    y = windows[..., 1:2] + step * (windows[..., 3:4] - windows[..., 1:2])
    across = _weights(x, boxes[..., 0:1], boxes[..., 2:3], masks.shape[-1])
    down = _weights(y, boxes[..., 1:2], boxes[..., 3:4], masks.shape[-2])
    return ops.matmul(ops.matmul(down, masks), ops.swapaxes(across, -1, -2))


def paste_masks(masks, boxes, height, width):
    """Masks in their boxes' frames, at their place in the image.

    Args:
        masks: (B, D, M, M) in 0…1.
        boxes: (B, D, 4) xyxy in pixels of the image.
        height, width: of the image, Python integers or scalar tensors.

    Returns:
        (B, D, height, width) float32 in 0…1; a pixel's value is that at its centre.
    """
    masks = ops.cast(masks, "float32")
    x = ops.reshape(ops.cast(ops.arange(width), "float32") + 0.5, (1, 1, -1))
    y = ops.reshape(ops.cast(ops.arange(height), "float32") + 0.5, (1, 1, -1))
    across = _weights(x, boxes[..., 0:1], boxes[..., 2:3], masks.shape[-1])
    down = _weights(y, boxes[..., 1:2], boxes[..., 3:4], masks.shape[-2])
    return ops.matmul(ops.matmul(down, masks), ops.swapaxes(across, -1, -2))


def _weights(position, low, high, cells: int):
    """(…, n, cells) bilinear weights of positions (…, n) between `low` and `high` (…, 1).

    Cells lie at the middles of equal parts; beyond the outermost middles the edge is repeated, and
    beyond the box everything is 0.
    """
    length = high - low
    where = (position - low) / ops.maximum(length, 1e-6)
    inside = ops.logical_and(ops.logical_and(where >= 0, where < 1), length > 0)
    cell = ops.clip(where * cells - 0.5, 0.0, cells - 1.0)
    distance = ops.abs(cell[..., None] - ops.arange(cells, dtype="float32"))
    return ops.maximum(1.0 - distance, 0.0) * ops.cast(inside, "float32")[..., None]
