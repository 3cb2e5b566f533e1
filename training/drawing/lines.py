"""Boxes and joints as lines and dots."""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageDraw

from training.drawing.class_names import Names
from training.drawing.colors import Color, object_color

Box = tuple[float, float, float, float]
_BEYOND = 8
_PROPOSAL: Color = (255, 214, 10)
_DARK: Color = (0, 0, 0)


def line_width(side: int) -> int:
    """Width of a box's lines in pixels for an image whose longer side has so many."""
    return min(max(1, round(side / 220)), 6)


def draw_box(canvas: Image.Image, box: Box, color: Color, width: int, dashed: bool) -> None:
    """A box (xyxy in pixels of the canvas), its lines inside it; one without area as a cross."""
    pen = ImageDraw.Draw(canvas)
    # Far coordinates would be drawn dash by dash; what is outside is not seen anyway.
    limits = np.array([*canvas.size, *canvas.size]) + _BEYOND
    x0, y0, x1, y1 = (int(v) for v in np.round(np.clip(box, -_BEYOND, limits)))
    if x1 <= x0 or y1 <= y0:
        reach = 3 * width + 2
        pen.line((x0 - reach, y0 - reach, x0 + reach, y0 + reach), color, width)
        pen.line((x0 - reach, y0 + reach, x0 + reach, y0 - reach), color, width)
    elif dashed:
        _dashes(pen, (x0, y0, x1 - 1, y1 - 1), color, width)
    else:
        pen.rectangle((x0, y0, x1 - 1, y1 - 1), None, color, width)


def _dashes(pen: ImageDraw.ImageDraw, box: tuple[int, int, int, int], color: Color, width: int):
    x0, y0, x1, y1 = box
    dash = 4 * width + 2
    for x in range(x0, x1, 2 * dash):
        right = min(x + dash, x1)
        pen.rectangle((x, y0, right, min(y0 + width - 1, y1)), color)
        pen.rectangle((x, max(y1 - width + 1, y0), right, y1), color)
    for y in range(y0, y1, 2 * dash):
        bottom = min(y + dash, y1)
        pen.rectangle((x0, y, min(x0 + width - 1, x1), bottom), color)
        pen.rectangle((max(x1 - width + 1, x0), y, x1, bottom), color)


def draw_many(canvas: Image.Image, boxes: np.ndarray, by_shape: bool) -> Image.Image:
    """The canvas with many boxes (N, 4) in thin, half transparent lines.

    Args:
        canvas: the image.
        boxes: xyxy in pixels of the canvas.
        by_shape: a colour for each width and height, as for anchors; else all of one colour.
    """
    layer = canvas.copy()
    boxes = boxes[np.isfinite(boxes).all(-1)]
    shapes = np.round(boxes[:, 2:] - boxes[:, :2]).astype(int)
    _, numbers = np.unique(shapes, axis=0, return_inverse=True)
    for box, number in zip(boxes, numbers.ravel(), strict=True):
        draw_box(layer, tuple(box), object_color(int(number)) if by_shape else _PROPOSAL, 1, False)
    return Image.blend(canvas, layer, 0.7)


def draw_joints(canvas: Image.Image, joints: np.ndarray, names: Names, radius: float) -> None:
    """Limbs and joints of one person; hidden joints as rings, absent ones not at all.

    Args:
        canvas: the image.
        joints: (K, 3) x, y in pixels of the canvas, and visibility 0, 1 or 2 (of an answer, 2 for
            every joint that it gives).
        names: which joints are left and right, and where limbs are.
        radius: of a joint at most, in pixels; those of a small person are smaller.
    """
    pen = ImageDraw.Draw(canvas)
    limits = np.array(canvas.size) + _BEYOND
    there = (joints[:, 2] > 0) & np.isfinite(joints).all(-1)
    if not there.any():
        return
    places = np.clip(np.nan_to_num(joints[:, :2]), -_BEYOND, limits)
    radius = min(radius, max(1.5, np.ptp(places[there], axis=0).max() / 25))
    width = max(1, round(0.8 * radius))
    for first, second in names.skeleton:
        if max(first, second) < len(joints) and there[first] and there[second]:
            ends = [tuple(places[first]), tuple(places[second])]
            pen.line(ends, _DARK, width + 2)
            pen.line(ends, names.limb_color(first, second), width)
    for number in np.nonzero(there)[0]:
        x, y = places[number]
        color = names.joint_color(int(number))
        hidden = joints[number, 2] < 2
        outer = (x - radius - 1, y - radius - 1, x + radius + 1, y + radius + 1)
        pen.ellipse(outer, None if hidden else color, _DARK)
        if hidden:
            inner = (x - radius, y - radius, x + radius, y + radius)
            pen.ellipse(inner, None, color, max(1, round(radius / 2)))
