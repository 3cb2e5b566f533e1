"""Intersection over union, between all boxes of two sets or pair by pair.

Boxes are xyxy in any unit, widths are right − left. An empty or inverted box has area 0 and
overlaps nothing; so does one with a coordinate that is NaN, infinite or beyond 1e18. Values are
float32 (float64 for float64) and finite, and so are the gradients.
"""

from __future__ import annotations

import math

from keras import ops

from zoo.boxes.formats import areas
from zoo.boxes.numerics import corners, ratio, repaired


def iou(a, b):
    """|A∩B| / |A∪B| of every box of `a` with every box of `b`.

    Args:
        a: (…, N, 4) xyxy.
        b: (…, M, 4) xyxy; the leading dimensions broadcast.

    Returns:
        (…, N, M) in [0, 1].
    """
    a, b = repaired(a), repaired(b)
    shared = _shared(a, b)
    both = ops.expand_dims(areas(a), -1) + ops.expand_dims(areas(b), -2)
    return ratio(shared, both - shared)


def crowd_iou(boxes, crowds):
    """|A∩B| / |A|: the share of each box that lies on each crowd region, COCO's rule for crowds.

    Args:
        boxes: (…, N, 4) xyxy, detections or anchors.
        crowds: (…, M, 4) xyxy.

    Returns:
        (…, N, M) in [0, 1].
    """
    boxes, crowds = repaired(boxes), repaired(crowds)
    return ratio(_shared(boxes, crowds), ops.expand_dims(areas(boxes), -1))


def paired_iou(a, b):
    """|A∩B| / |A∪B| of each box of `a` (…, 4) with its partner in `b` (…, 4) → (…)."""
    return _paired(repaired(a), repaired(b))[0]


def generalized_iou(a, b):
    """GIoU = IoU − |C \\ (A∪B)| / |C|, where the box C encloses A and B.

    Rezatofighi et al., *Generalized Intersection over Union*, CVPR 2019.

    Args:
        a, b: (…, 4) xyxy, partners.

    Returns:
        (…) in [−1, 1].
    """
    a, b = repaired(a), repaired(b)
    value, union = _paired(a, b)
    width, height = _enclosing(a, b)
    enclosing = width * height
    return value - ratio(enclosing - union, enclosing)


def distance_iou(a, b):
    """DIoU = IoU − d²/c²: d between the centres, c the diagonal of the enclosing box.

    Zheng et al., *Distance-IoU Loss*, AAAI 2020.

    Args:
        a, b: (…, 4) xyxy, partners.

    Returns:
        (…) in [−1, 1].
    """
    a, b = repaired(a), repaired(b)
    return _paired(a, b)[0] - _distance(a, b)


def complete_iou(a, b):
    """CIoU = DIoU − α·v, with v = 4/π²·(atan(w/h) − atan(w'/h'))² and α = v / (1 − IoU + v).

    Zheng et al., *Distance-IoU Loss*, AAAI 2020. As there, no gradient flows through α. v is 0
    where one of the boxes has no width or no height, since it then has no shape.

    Args:
        a, b: (…, 4) xyxy, partners.

    Returns:
        (…), at most 1.
    """
    a, b = repaired(a), repaired(b)
    value = _paired(a, b)[0]
    (width_a, height_a), (width_b, height_b) = _sides(a), _sides(b)
    solid = ops.minimum(width_a, height_a) > 0
    solid = ops.logical_and(solid, ops.minimum(width_b, height_b) > 0)
    one = ops.ones_like(value)

    def angle(width, height):
        return ops.arctan(ops.where(solid, width, one) / ops.where(solid, height, one))

    v = (4 / math.pi**2) * ops.square(angle(width_a, height_a) - angle(width_b, height_b))
    alpha = ops.stop_gradient(ratio(v, 1 - value + v))
    return value - _distance(a, b) - alpha * v


def _shared(a, b):
    """Areas (…, N, M) of the intersections of all pairs."""
    ax1, ay1, ax2, ay2 = (ops.expand_dims(side, -1) for side in corners(a))
    bx1, by1, bx2, by2 = (ops.expand_dims(side, -2) for side in corners(b))
    width = ops.maximum(ops.minimum(ax2, bx2) - ops.maximum(ax1, bx1), 0.0)
    height = ops.maximum(ops.minimum(ay2, by2) - ops.maximum(ay1, by1), 0.0)
    return width * height


def _paired(a, b):
    """IoU (…) and union (…) of partners."""
    ax1, ay1, ax2, ay2 = corners(a)
    bx1, by1, bx2, by2 = corners(b)
    width = ops.maximum(ops.minimum(ax2, bx2) - ops.maximum(ax1, bx1), 0.0)
    height = ops.maximum(ops.minimum(ay2, by2) - ops.maximum(ay1, by1), 0.0)
    shared = width * height
    union = areas(a) + areas(b) - shared
    return ratio(shared, union), union


def _sides(boxes):
    x1, y1, x2, y2 = corners(boxes)
    return x2 - x1, y2 - y1


def _enclosing(a, b):
    """Width and height of the smallest box around two partners."""
    ax1, ay1, ax2, ay2 = corners(a)
    bx1, by1, bx2, by2 = corners(b)
    width = ops.maximum(ops.maximum(ax2, bx2) - ops.minimum(ax1, bx1), 0.0)
    height = ops.maximum(ops.maximum(ay2, by2) - ops.minimum(ay1, by1), 0.0)
    return width, height


def _distance(a, b):
    """Squared distance of the centres over the squared diagonal of the enclosing box."""
    ax1, ay1, ax2, ay2 = corners(a)
    bx1, by1, bx2, by2 = corners(b)
    across, down = (ax1 + ax2 - bx1 - bx2) / 2, (ay1 + ay2 - by1 - by2) / 2
    width, height = _enclosing(a, b)
    return ratio(ops.square(across) + ops.square(down), ops.square(width) + ops.square(height))
