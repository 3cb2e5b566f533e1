"""Legible text: fonts, tags that keep out of each other's way, lines that fit a width."""

from __future__ import annotations

import functools
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from training.drawing.colors import Color, text_on

_PAD = 2
# Shares of another label, and of other objects together, that a label may hide.
_HIDES_LABEL, _HIDES_OBJECTS = 0.4, 0.5


@functools.cache
def font(size: int) -> ImageFont.FreeTypeFont:
    """A font with Latin, Greek and Cyrillic letters; `size` in pixels."""
    import matplotlib

    path = Path(matplotlib.get_data_path()) / "fonts" / "ttf" / "DejaVuSans.ttf"
    return ImageFont.truetype(path, size)


def text_size(side: int) -> int:
    """Size of letters in pixels for an image whose longer side has so many."""
    return min(max(11, round(side / 44)), 28)


def fitting(text: str, letters: ImageFont.FreeTypeFont, width: float) -> str:
    """The text in one line, cut with an ellipsis where it is wider than `width` pixels."""
    text = " ".join(text.split())
    if letters.getlength(text) <= width:
        return text
    while text and letters.getlength(f"{text}…") > width:
        text = text[:-1]
    return f"{text.rstrip()}…" if text else ""


def wrapped(text: str, letters: ImageFont.FreeTypeFont, width: float) -> list[str]:
    """The text in lines of at most `width` pixels; a longer word is cut."""
    lines = [""]
    for word in text.split():
        longer = f"{lines[-1]} {word}".strip()
        if letters.getlength(longer) <= width:
            lines[-1] = longer
        elif lines[-1]:
            lines.append(fitting(word, letters, width))
        else:
            lines[-1] = fitting(word, letters, width)
    return lines


class Tags:
    """Writes labels beside boxes, inside the image and where they hide the least.

    Args:
        canvas: the image.
        size: of the letters, in pixels.
        boxes: (N, 4) xyxy of the objects that are better not hidden, in pixels of the canvas.
    """

    def __init__(self, canvas: Image.Image, size: int, boxes: np.ndarray):
        self.canvas = canvas
        self.draw = ImageDraw.Draw(canvas)
        self.font = font(size)
        ascent, descent = self.font.getmetrics()
        self.height = ascent + descent + _PAD
        self.boxes = boxes.reshape(-1, 4)
        self.areas = np.maximum(1.0, np.prod(self.boxes[:, 2:] - self.boxes[:, :2], axis=-1))
        self.placed = np.zeros((0, 4))

    def write(self, text: str, box: tuple[float, float, float, float], color: Color) -> bool:
        """Writes a label of a box (xyxy in pixels of the canvas) on a tag of its colour.

        Returns:
            False where it would have hidden another label or object, and was left out.
        """
        wide, high = self.canvas.size
        text = fitting(text, self.font, wide - 2 * _PAD)
        width = self.font.getlength(text) + 2 * _PAD + 1
        places = self._places(box, width)
        places = np.clip(places, 0, [max(0.0, wide - width), max(0.0, high - self.height)])
        tags = np.concatenate([places, places + np.array([width, self.height])], -1)
        hidden = _common(tags, self.placed).sum(-1) / (width * self.height)
        covered = _common(tags, self.boxes) / self.areas
        best = int(np.argmin(2 * hidden + covered.sum(-1) + 0.02 * np.arange(len(tags))))
        others = covered[best, (self.boxes != box).any(-1)].sum()
        if hidden[best] > _HIDES_LABEL or others > _HIDES_OBJECTS or not text:
            return False
        self.placed = np.concatenate([self.placed, tags[best : best + 1]])
        x, y = places[best]
        self.draw.rectangle((x, y, x + width - 1, y + self.height - 1), color)
        self.draw.text((x + _PAD, y + _PAD / 2), text, text_on(color), self.font)
        return True

    def _places(self, box: tuple[float, float, float, float], width: float) -> np.ndarray:
        """(P, 2) upper left corners outside and inside the box's corners, the best liked first."""
        x0, y0, x1, y1 = box
        left, right = x0, x1 - width
        above, below, top, bottom = y0 - self.height, y1, y0, y1 - self.height
        corners = [(left, above), (right, above), (left, below), (right, below)]
        corners += [(left, top), (right, top), (left, bottom), (right, bottom)]
        middle = ((x0 + x1 - width) / 2, (y0 + y1 - self.height) / 2)
        return np.array([*corners, (x1, y0), (x0 - width, y0), middle])


def _common(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """(P, N) areas that boxes (P, 4) share with boxes (N, 4)."""
    low = np.maximum(first[:, None, :2], second[None, :, :2])
    high = np.minimum(first[:, None, 2:], second[None, :, 2:])
    return np.prod(np.maximum(0.0, high - low), axis=-1)
