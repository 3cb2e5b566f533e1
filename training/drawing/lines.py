"""Boxes, keypoints and limbs."""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageDraw

from training.drawing.colors import Color, object_color
from training.drawing.drawn_names import Names

Box = tuple[float, float, float, float]
_BEYOND = 8
_PROPOSAL: Color = (255, 214, 10)
_DARK: Color = (0, 0, 0)


def line_width(side: int) -> int:
    """Returns the line width in pixels for an image with a longer side of `side` pixels."""
    return min(max(1, round(side / 220)), 6)


def draw_box(drawing: Image.Image, box: Box, color: Color, width: int, dashed: bool) -> None:
    """Draws a box (xyxy in pixels) with its lines inside it; a box without area as a cross."""
    pen = ImageDraw.Draw(drawing)
    # Far coordinates would be drawn dash by dash.
    limits = np.array([*drawing.size, *drawing.size]) + _BEYOND
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


def draw_many(drawing: Image.Image, boxes: np.ndarray, by_shape: bool) -> Image.Image:
    """Returns the image with many boxes (N, 4) in thin, half transparent lines.

    With `by_shape`, boxes of each width and height have their own color, as for anchors.
    """
    layer = drawing.copy()
    boxes = boxes[np.isfinite(boxes).all(-1)]
    shapes = np.round(boxes[:, 2:] - boxes[:, :2]).astype(int)
    _, numbers = np.unique(shapes, axis=0, return_inverse=True)
    for box, number in zip(boxes, numbers.ravel(), strict=True):
        draw_box(layer, tuple(box), object_color(int(number)) if by_shape else _PROPOSAL, 1, False)
    return Image.blend(drawing, layer, 0.7)


def draw_keypoints(
    drawing: Image.Image, keypoints: np.ndarray, names: Names, radius: float
) -> None:
    """Draws limbs and keypoints (K, 3) of one person; hidden keypoints as rings.

    Visibility is 0 (absent), 1 (hidden) or 2. `radius` is the maximum radius of a keypoint in
    pixels; it is smaller for a small person.
    """
    pen = ImageDraw.Draw(drawing)
    limits = np.array(drawing.size) + _BEYOND
    present = (keypoints[:, 2] > 0) & np.isfinite(keypoints).all(-1)
    if not present.any():
        return
    points = np.clip(np.nan_to_num(keypoints[:, :2]), -_BEYOND, limits)
    radius = min(radius, max(1.5, np.ptp(points[present], axis=0).max() / 25))
    width = max(1, round(0.8 * radius))
    for first, second in names.skeleton:
        if max(first, second) < len(keypoints) and present[first] and present[second]:
            ends = [tuple(points[first]), tuple(points[second])]
            pen.line(ends, _DARK, width + 2)
            pen.line(ends, names.limb_color(first, second), width)
    for number in np.nonzero(present)[0]:
        x, y = points[number]
        color = names.keypoint_color(int(number))
        hidden = keypoints[number, 2] < 2
        outer = (x - radius - 1, y - radius - 1, x + radius + 1, y + radius + 1)
        pen.ellipse(outer, None if hidden else color, _DARK)
        if hidden:
            inner = (x - radius, y - radius, x + radius, y + radius)
            pen.ellipse(inner, None, color, max(1, round(radius / 2)))
