"""Regions warped to one size with their context (R-CNN, Girshick et al., CVPR 2014)."""

from __future__ import annotations

from keras import ops

from zoo.boxes.box_formats import cxcywh_to_xyxy, xyxy_to_cxcywh
from zoo.boxes.numerics import repaired
from zoo.errors import InputError
from zoo.layers.bilinear_sample import bilinear_sample, box_points
from zoo.layers.shapes import check_positive


def region_warp(pixels, boxes, size: int = 227, context: int = 16):
    """Warps boxes (B, R, 4) xyxy of images (B, H, W, C) to squares (B, R, size, size, C).

    A box is warped to the middle size − 2·context pixels of its square, regardless of its aspect
    ratio, with its context around it. Values are sampled bilinearly at the centers of the square's
    pixels, and are 0 outside the image; a box with a NaN counts as the empty box at (0, 0).
    """
    check_positive(size, "size")
    if not 0 <= 2 * context < size:
        raise InputError(f"context must be from 0 to {(size - 1) // 2}, not {context!r}.")
    points = box_points(widened(repaired(boxes), size / (size - 2 * context)), size, ends=False)
    # The center of the first pixel, cell 0, is at 0.5.
    return bilinear_sample(pixels, points - 0.5)


def widened(boxes, factor: float):
    """Scales boxes (…, 4) xyxy about their centers."""
    center_and_size = xyxy_to_cxcywh(boxes)
    center, size = center_and_size[..., :2], center_and_size[..., 2:]
    return cxcywh_to_xyxy(ops.concatenate([center, size * factor], axis=-1))
