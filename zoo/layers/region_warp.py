"""Regions warped to one size with their context (R-CNN, Girshick et al., CVPR 2014)."""

from __future__ import annotations

from keras import ops

from zoo.boxes.formats import cxcywh_to_xyxy, xyxy_to_cxcywh
from zoo.boxes.numerics import repaired
from zoo.errors import InputError
from zoo.layers.bilinear_sample import bilinear_sample, box_points
from zoo.layers.shapes import check_positive


def region_warp(pixels, boxes, size: int = 227, context: int = 16):
    """Warps each box of an image to the middle of a square, with its context around it.

    The box is warped to size − 2·context pixels per side regardless of its aspect ratio. Values are
    sampled bilinearly at the centres of the square's pixels, and are 0 outside the image.

    Args:
        pixels: images (B, H, W, C) with their mean subtracted.
        boxes: boxes (B, R, 4) xyxy in pixels; one with a NaN counts as the empty box at (0, 0).
        size: side of the square, in pixels.
        context: context on each side, in pixels of the square.

    Returns:
        Warped regions (B, R, size, size, C) in the dtype of the pixels.

    Raises:
        InputError: if the size or the context is out of range.
    """
    check_positive(size, "size")
    if not 0 <= 2 * context < size:
        raise InputError(f"context must be from 0 to {(size - 1) // 2}, not {context!r}.")
    points = box_points(widened(repaired(boxes), size / (size - 2 * context)), size, ends=False)
    # The centre of the first pixel, cell 0, is at 0.5.
    return bilinear_sample(pixels, points - 0.5)


def widened(boxes, factor: float):
    """Scales boxes (…, 4) xyxy about their centres."""
    centre_and_size = xyxy_to_cxcywh(boxes)
    centre, size = centre_and_size[..., :2], centre_and_size[..., 2:]
    return cxcywh_to_xyxy(ops.concatenate([centre, size * factor], axis=-1))
