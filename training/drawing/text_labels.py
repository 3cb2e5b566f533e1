"""Text: fonts, label tags without overlaps, line breaks."""

from __future__ import annotations

import functools
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from training.drawing.colors import Color, text_on

_PAD = 2
# Maximum fractions of another label, and of other objects in sum, that a label may hide.
_MAX_HIDDEN_LABEL, _MAX_HIDDEN_OBJECTS = 0.4, 0.5


@functools.cache
def font(size: int) -> ImageFont.FreeTypeFont:
    """Returns a font with Latin, Greek and Cyrillic letters; `size` in pixels."""
    # Takes long to import.
    import matplotlib

    path = Path(matplotlib.get_data_path()) / "fonts" / "ttf" / "DejaVuSans.ttf"
    return ImageFont.truetype(path, size)


def text_size(side: int) -> int:
    """Returns the font size in pixels for an image with a longer side of `side` pixels."""
    return min(max(11, round(side / 44)), 28)


def fitting(text: str, typeface: ImageFont.FreeTypeFont, width: float) -> str:
    """Returns the text in one line, cut with an ellipsis to `width` pixels."""
    text = " ".join(text.split())
    if typeface.getlength(text) <= width:
        return text
    while text and typeface.getlength(f"{text}…") > width:
        text = text[:-1]
    return f"{text.rstrip()}…" if text else ""


def wrapped(text: str, typeface: ImageFont.FreeTypeFont, width: float) -> list[str]:
    """Returns the text in lines of at most `width` pixels; a longer word is cut."""
    lines = [""]
    for word in text.split():
        longer = f"{lines[-1]} {word}".strip()
        if typeface.getlength(longer) <= width:
            lines[-1] = longer
        elif lines[-1]:
            lines.append(fitting(word, typeface, width))
        else:
            lines[-1] = fitting(word, typeface, width)
    return lines


class Tags:
    """Writes labels next to boxes (N, 4), inside the image and where they hide the least."""

    def __init__(self, drawing: Image.Image, size: int, boxes: np.ndarray):
        self.drawing = drawing
        self.draw = ImageDraw.Draw(drawing)
        self.font = font(size)
        ascent, descent = self.font.getmetrics()
        self.height = ascent + descent + _PAD
        self.boxes = boxes.reshape(-1, 4)
        self.areas = np.maximum(1.0, np.prod(self.boxes[:, 2:] - self.boxes[:, :2], axis=-1))
        self.placed = np.zeros((0, 4))

    def write(self, text: str, box: tuple[float, float, float, float], color: Color) -> bool:
        """Writes the label of a box (xyxy in pixels) on a tag of its color.

        Returns whether it was written: a label that would hide another label or object is left out.
        """
        wide, high = self.drawing.size
        text = fitting(text, self.font, wide - 2 * _PAD)
        width = self.font.getlength(text) + 2 * _PAD + 1
        corners = self._corners(box, width)
        corners = np.clip(corners, 0, [max(0.0, wide - width), max(0.0, high - self.height)])
        tags = np.concatenate([corners, corners + np.array([width, self.height])], -1)
        hidden = _common(tags, self.placed).sum(-1) / (width * self.height)
        covered = _common(tags, self.boxes) / self.areas
        best = int(np.argmin(2 * hidden + covered.sum(-1) + 0.02 * np.arange(len(tags))))
        others = covered[best, (self.boxes != box).any(-1)].sum()
        if hidden[best] > _MAX_HIDDEN_LABEL or others > _MAX_HIDDEN_OBJECTS or not text:
            return False
        self.placed = np.concatenate([self.placed, tags[best : best + 1]])
        x, y = corners[best]
        self.draw.rectangle((x, y, x + width - 1, y + self.height - 1), color)
        self.draw.text((x + _PAD, y + _PAD / 2), text, text_on(color), self.font)
        return True

    def _corners(self, box: tuple[float, float, float, float], width: float) -> np.ndarray:
        """Returns candidate upper left corners (P, 2) of a tag, preferred ones first."""
        x0, y0, x1, y1 = box
        left, right = x0, x1 - width
        above, below, top, bottom = y0 - self.height, y1, y0, y1 - self.height
        corners = [(left, above), (right, above), (left, below), (right, below)]
        corners += [(left, top), (right, top), (left, bottom), (right, bottom)]
        middle = ((x0 + x1 - width) / 2, (y0 + y1 - self.height) / 2)
        return np.array([*corners, (x1, y0), (x0 - width, y0), middle])


def _common(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Returns the intersection areas (P, N) of boxes (P, 4) and (N, 4)."""
    low = np.maximum(first[:, None, :2], second[None, :, :2])
    high = np.minimum(first[:, None, 2:], second[None, :, 2:])
    return np.prod(np.maximum(0.0, high - low), axis=-1)
