"""Intersection over union, of all pairs of two sets of boxes or pair by pair.

Boxes are xyxy in any unit. An empty or inverted box, or one with a coordinate that is NaN, infinite
or beyond 1e18, has area 0 and overlaps nothing. Values are float32 (float64 for float64); values
and gradients are finite.
"""

from __future__ import annotations

from keras import ops

from zoo.boxes.box_formats import areas
from zoo.boxes.numerics import corners, ratio, repaired


def iou(a, b):
    """Returns the IoU |A∩B| / |A∪B| (…, N, M) of all pairs of boxes (…, N, 4) and (…, M, 4)."""
    a, b = repaired(a), repaired(b)
    shared = _shared(a, b)
    both = ops.expand_dims(areas(a), -1) + ops.expand_dims(areas(b), -2)
    return ratio(shared, both - shared)


def crowd_iou(boxes, crowds):
    """Returns the fraction |A∩B| / |A| (…, N, M) of each box inside each crowd region, as in COCO.

    Boxes are (…, N, 4), crowd regions (…, M, 4).
    """
    boxes, crowds = repaired(boxes), repaired(crowds)
    return ratio(_shared(boxes, crowds), ops.expand_dims(areas(boxes), -1))


def paired_iou(a, b):
    """Returns |A∩B| / |A∪B| (…) of pairs of boxes (…, 4)."""
    return _paired(repaired(a), repaired(b))[0]


def generalized_iou(a, b):
    """Returns the GIoU (…) in [−1, 1] of pairs of boxes (…, 4) (Rezatofighi et al., CVPR 2019).

    GIoU = IoU − |C \\ (A∪B)| / |C|, where the box C encloses A and B.
    """
    a, b = repaired(a), repaired(b)
    value, union = _paired(a, b)
    width, height = _enclosing(a, b)
    enclosing = width * height
    return value - ratio(enclosing - union, enclosing)


def _shared(a, b):
    """Areas (…, N, M) of the intersections of all pairs."""
    rows = [ops.expand_dims(side, -1) for side in corners(a)]
    return _intersection(rows, [ops.expand_dims(side, -2) for side in corners(b)])


def _intersection(a, b):
    (ax1, ay1, ax2, ay2), (bx1, by1, bx2, by2) = a, b
    width = ops.maximum(ops.minimum(ax2, bx2) - ops.maximum(ax1, bx1), 0.0)
    height = ops.maximum(ops.minimum(ay2, by2) - ops.maximum(ay1, by1), 0.0)
    return width * height


def _paired(a, b):
    """IoU (…) and area of the union (…) of pairs."""
    shared = _intersection(corners(a), corners(b))
    union = areas(a) + areas(b) - shared
    return ratio(shared, union), union


def _enclosing(a, b):
    """Width and height of the smallest box around each pair."""
    ax1, ay1, ax2, ay2 = corners(a)
    bx1, by1, bx2, by2 = corners(b)
    width = ops.maximum(ops.maximum(ax2, bx2) - ops.minimum(ax1, bx1), 0.0)
    height = ops.maximum(ops.maximum(ay2, by2) - ops.minimum(ay1, by1), 0.0)
    return width, height
