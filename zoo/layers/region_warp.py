"""Regions warped to one size with what lies around them (Girshick et al., CVPR 2014, R-CNN)."""

from __future__ import annotations

from keras import ops

from zoo.boxes.formats import cxcywh_to_xyxy, xyxy_to_cxcywh
from zoo.boxes.numerics import repaired
from zoo.errors import InputError
from zoo.layers.bilinear_sample import bilinear_sample, box_points
from zoo.layers.shapes import check_positive


def region_warp(pixels, boxes, size: int = 227, context: int = 16):
    """Cuts each box out of an image, squeezed to a square, with `context` pixels on every side.

    The context is counted in the square: the box itself fills its middle, `size` − 2·`context` a
    side, whatever its proportions. Values are bilinear at the centres of the square's pixels, and 0
    outside of the image, which is its mean where the mean was subtracted.

    Args:
        pixels: (B, H, W, C) less their mean.
        boxes: (B, R, 4) xyxy in pixels; one with a NaN counts as the empty box at (0, 0).
        size: side of the square.
        context: on each side of it.

    Returns:
        (B, R, size, size, C) in the dtype of the pixels.

    Raises:
        InputError: a size below 1, or a context that leaves nothing of it.
    """
    check_positive(size, "size")
    if not 0 <= 2 * context < size:
        raise InputError(f"context is from 0 to {(size - 1) // 2} in {size} pixels, not {context}.")
    points = box_points(widened(repaired(boxes), size / (size - 2 * context)), size, ends=False)
    # The centre of the first pixel is at 0.5, and is cell 0.
    return bilinear_sample(pixels, points - 0.5)


def widened(boxes, factor: float):
    """Boxes (…, 4) xyxy `factor` times as wide and high about their centres."""
    centre_and_size = xyxy_to_cxcywh(boxes)
    centre, size = centre_and_size[..., :2], centre_and_size[..., 2:]
    return cxcywh_to_xyxy(ops.concatenate([centre, size * factor], axis=-1))
