"""Encoding of boxes relative to anchors or proposals, as in R-CNN.

t_x = (G_x − P_x)/P_w, t_y = (G_y − P_y)/P_h, t_w = ln(G_w/P_w), t_h = ln(G_h/P_h), where x, y are
centers. Girshick et al., *Rich Feature Hierarchies*, CVPR 2014.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from keras import ops

from zoo.boxes.box_formats import xyxy_to_cxcywh
from zoo.boxes.numerics import corners, precise

# Smallest side, with which padding encodes to finite numbers.
SMALLEST = 1e-6
# Decoded boxes are at most 1000/16 times as large as the anchor, which prevents overflow.
LARGEST_LOG = math.log(1000 / 16)


def encode(boxes, anchors, weights: Sequence[float] = (1.0, 1.0, 1.0, 1.0)):
    """Encodes boxes relative to anchors.

    Args:
        boxes: boxes (…, 4) xyxy; a side below 1e-6, as of padding, counts as 1e-6.
        anchors: anchors (…, 4) xyxy; leading dimensions broadcast.
        weights: factors of t_x, t_y, t_w and t_h; (10, 10, 5, 5) in Fast R-CNN's head, for the
            standard deviations 0.1, 0.1, 0.2 and 0.2.

    Returns:
        Deltas (…, 4) float32 (float64 for float64): t_x, t_y, t_w, t_h times the weights.
    """
    x, y, width, height = _sized(boxes)
    anchor_x, anchor_y, anchor_width, anchor_height = _sized(anchors)
    deltas = [
        (x - anchor_x) / anchor_width,
        (y - anchor_y) / anchor_height,
        ops.log(width / anchor_width),
        ops.log(height / anchor_height),
    ]
    return ops.stack([d * w for d, w in zip(deltas, weights, strict=True)], axis=-1)


def decode(
    deltas,
    anchors,
    weights: Sequence[float] = (1.0, 1.0, 1.0, 1.0),
    clip: float = LARGEST_LOG,
):
    """Decodes deltas to boxes, the inverse of `encode`.

    Args:
        deltas: deltas (…, 4), t_x, t_y, t_w, t_h times the weights.
        anchors: anchors (…, 4) xyxy; leading dimensions broadcast, such as (B, R, 1, 4) for the
            deltas (B, R, C, 4) of C classes.
        weights: weights of the encoding.
        clip: maximum of t_w and t_h.

    Returns:
        Boxes (…, 4) xyxy float32 (float64 for float64), not clipped to the image.
    """
    anchor_x, anchor_y, anchor_width, anchor_height = _sized(anchors)
    parts = corners(precise(deltas))
    dx, dy, dw, dh = (d / w for d, w in zip(parts, weights, strict=True))
    x, y = anchor_x + dx * anchor_width, anchor_y + dy * anchor_height
    half_width = anchor_width * ops.exp(ops.minimum(dw, clip)) / 2
    half_height = anchor_height * ops.exp(ops.minimum(dh, clip)) / 2
    return ops.stack([x - half_width, y - half_height, x + half_width, y + half_height], axis=-1)


def _sized(boxes) -> list:
    """Center x, center y, width and height, the sides above zero."""
    x, y, width, height = corners(xyxy_to_cxcywh(boxes))
    return [x, y, ops.maximum(width, SMALLEST), ops.maximum(height, SMALLEST)]
