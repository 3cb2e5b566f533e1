"""Ways to write a box, and what can be done to one box alone.

`xyxy` is left, top, right, bottom; `xywh` left, top, width, height (COCO); `cxcywh` centre, width,
height (YOLO). Coordinates are continuous, in pixels: the pixel in row 0 and column 0 is the box
(0, 0, 1, 1), and a width is right − left. All functions take boxes (…, 4) of any float or integer
dtype and return float32 (float64 for float64).
"""

from __future__ import annotations

from keras import ops

from zoo.boxes.numerics import corners, precise


def xyxy_to_xywh(boxes):
    """(…, 4) left, top, right, bottom → left, top, width, height."""
    x1, y1, x2, y2 = corners(precise(boxes))
    return ops.stack([x1, y1, x2 - x1, y2 - y1], axis=-1)


def xywh_to_xyxy(boxes):
    """(…, 4) left, top, width, height → left, top, right, bottom."""
    x, y, width, height = corners(precise(boxes))
    return ops.stack([x, y, x + width, y + height], axis=-1)


def xyxy_to_cxcywh(boxes):
    """(…, 4) left, top, right, bottom → centre x, centre y, width, height."""
    x1, y1, x2, y2 = corners(precise(boxes))
    return ops.stack([(x1 + x2) / 2, (y1 + y2) / 2, x2 - x1, y2 - y1], axis=-1)


def cxcywh_to_xyxy(boxes):
    """(…, 4) centre x, centre y, width, height → left, top, right, bottom."""
    x, y, width, height = corners(precise(boxes))
    return ops.stack([x - width / 2, y - height / 2, x + width / 2, y + height / 2], axis=-1)


def xywh_to_cxcywh(boxes):
    """(…, 4) left, top, width, height → centre x, centre y, width, height."""
    x, y, width, height = corners(precise(boxes))
    return ops.stack([x + width / 2, y + height / 2, width, height], axis=-1)


def cxcywh_to_xywh(boxes):
    """(…, 4) centre x, centre y, width, height → left, top, width, height."""
    x, y, width, height = corners(precise(boxes))
    return ops.stack([x - width / 2, y - height / 2, width, height], axis=-1)


def areas(boxes):
    """(…, 4) xyxy → (…) square pixels; 0 where right < left or bottom < top."""
    x1, y1, x2, y2 = corners(precise(boxes))
    return ops.maximum(x2 - x1, 0.0) * ops.maximum(y2 - y1, 0.0)


def clip(boxes, height, width):
    """Cuts xyxy boxes (…, 4) to an image; one that misses it becomes empty, on its border.

    Args:
        boxes: (…, 4) xyxy, pixels.
        height, width: of the image: numbers, or tensors that broadcast with `boxes[..., 0]`,
            such as (B, 1) for boxes (B, N, 4) of images of several sizes.
    """
    boxes = precise(boxes)
    height, width = ops.cast(height, boxes.dtype), ops.cast(width, boxes.dtype)
    limits = ops.stack([width, height, width, height], axis=-1)
    return ops.minimum(ops.maximum(boxes, 0.0), limits)


def scale(boxes, height_factor, width_factor):
    """xyxy boxes (…, 4) of an image made `height_factor` × `width_factor` as large.

    The factors are numbers, or tensors that broadcast with `boxes[..., 0]`.
    """
    boxes = precise(boxes)
    y, x = ops.cast(height_factor, boxes.dtype), ops.cast(width_factor, boxes.dtype)
    return boxes * ops.stack([x, y, x, y], axis=-1)
