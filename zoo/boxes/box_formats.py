"""Box formats, and functions of single boxes.

`xyxy` is left, top, right, bottom; `cxcywh` is center, width, height. Coordinates are continuous,
in pixels: the pixel in row 0 and column 0 is the box (0, 0, 1, 1). All functions take boxes (…, 4)
of any dtype and return float32 (float64 for float64).
"""

from __future__ import annotations

from keras import ops

from zoo.boxes.numerics import corners, precise


def xyxy_to_cxcywh(boxes):
    """Converts left, top, right, bottom to center x, center y, width, height."""
    x1, y1, x2, y2 = corners(precise(boxes))
    return ops.stack([(x1 + x2) / 2, (y1 + y2) / 2, x2 - x1, y2 - y1], axis=-1)


def cxcywh_to_xyxy(boxes):
    """Converts center x, center y, width, height to left, top, right, bottom."""
    x, y, width, height = corners(precise(boxes))
    return ops.stack([x - width / 2, y - height / 2, x + width / 2, y + height / 2], axis=-1)


def areas(boxes):
    """Returns the areas (…) of boxes (…, 4) xyxy; 0 where right < left or bottom < top."""
    x1, y1, x2, y2 = corners(precise(boxes))
    return ops.maximum(x2 - x1, 0.0) * ops.maximum(y2 - y1, 0.0)


def clip(boxes, height, width):
    """Clips boxes to an image; one outside becomes empty, on the border.

    Args:
        boxes: boxes (…, 4) xyxy in pixels.
        height: height of the image, a number or a tensor that broadcasts with `boxes[..., 0]`,
            such as (B, 1) for boxes (B, N, 4) of images of several sizes.
        width: width of the image, like `height`.
    """
    boxes = precise(boxes)
    height, width = ops.cast(height, boxes.dtype), ops.cast(width, boxes.dtype)
    limits = ops.stack([width, height, width, height], axis=-1)
    return ops.minimum(ops.maximum(boxes, 0.0), limits)


def scale(boxes, height_factor, width_factor):
    """Scales boxes (…, 4) xyxy; factors may be tensors that broadcast with `boxes[..., 0]`."""
    boxes = precise(boxes)
    y, x = ops.cast(height_factor, boxes.dtype), ops.cast(width_factor, boxes.dtype)
    return boxes * ops.stack([x, y, x, y], axis=-1)
