"""Images about the class of a whole image: which were confused, and what was looked at."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageDraw

from training.drawing.class_maps import rgb
from training.drawing.text_labels import fitting, font

_PAD, _HEADING, _LETTERS, _LONGEST = 10, 26, 14, 180
_HOT = np.array([255.0, 40.0, 0.0])
_DEEP = np.array([20.0, 70.0, 150.0])


def confusion_image(
    matrix: Sequence[Sequence[int]] | np.ndarray, names: Sequence[str], cell: int = 48
) -> Image.Image:
    """A confusion matrix: a row a true class, a column an answer, each row's shares as colours.

    Args:
        matrix: (C, C) counts.
        names: of the classes.
        cell: side in pixels; counts are written where they fit.

    Raises:
        ValueError: the matrix is not that of the names.
    """
    counts = np.asarray(matrix, np.int64)
    classes = len(names)
    if counts.shape != (classes, classes):
        raise ValueError(f"a confusion matrix of {counts.shape} for {classes} classes.")
    letters = font(min(_LETTERS, max(8, cell - 4)))
    labels = [fitting(name, letters, _LONGEST) for name in names]
    margin = round(max((letters.getlength(label) for label in labels), default=0)) + 2 * _PAD
    left, top = margin + _HEADING, margin + _HEADING
    size = (left + classes * cell + _PAD, top + classes * cell + _PAD)
    canvas = Image.new("RGB", size, "white")
    draw = ImageDraw.Draw(canvas)
    shares = counts / np.maximum(counts.sum(1, keepdims=True), 1)
    for row in range(classes):
        for column in range(classes):
            share, count = shares[row, column], str(counts[row, column])
            color = tuple(np.round(255 + (_DEEP - 255) * share).astype(int).tolist())
            x, y = left + column * cell, top + row * cell
            draw.rectangle((x, y, x + cell - 1, y + cell - 1), color, (215, 215, 215))
            if counts[row, column] and letters.getlength(count) < cell - 2:
                middle = (x + cell / 2, y + cell / 2)
                draw.text(middle, count, "white" if share > 0.5 else "black", letters, "mm")
        middle = (left - _PAD, top + (row + 0.5) * cell)
        draw.text(middle, labels[row], "black", letters, "rm")
    _upright(canvas, labels, letters, left, top, cell)
    draw.text((left + classes * cell / 2, _PAD), "prediction", "grey", letters, "mt")
    side = Image.new("RGB", (classes * cell, _HEADING), "white")
    middle = (classes * cell / 2, _HEADING / 2)
    ImageDraw.Draw(side).text(middle, "truth", "grey", letters, "mm")
    canvas.paste(side.rotate(90, expand=True), (2, top))
    return canvas


def overlay_heat(image: np.ndarray, heat: np.ndarray) -> np.ndarray:
    """The image, dark and grey but where a map is high, which glows.

    Args:
        image: (H, W, 1 or 3) pixels in 0…255.
        heat: (H, W), of any scale; its lowest place does not glow, its highest does most.

    Returns:
        (H, W, 3) uint8.
    """
    heat = heat.astype(np.float64)
    share = ((heat - heat.min()) / max(np.ptp(heat), 1e-12))[..., None]
    colors = rgb(image).astype(np.float64)
    grey = np.repeat(colors.mean(-1, keepdims=True), 3, axis=-1)
    lit = (1 - share) * 0.6 * grey + share * colors
    return np.round((1 - 0.45 * share) * lit + 0.45 * share * _HOT).astype(np.uint8)


def _upright(canvas: Image.Image, labels, letters, left: int, top: int, cell: int) -> None:
    """Names above the columns, to be read from below."""
    height = round(letters.size * 1.5)
    for column, label in enumerate(labels):
        strip = Image.new("RGB", (top - _HEADING, height), "white")
        ImageDraw.Draw(strip).text((_PAD, height / 2), label, "black", letters, "lm")
        x = left + round((column + 0.5) * cell - height / 2)
        canvas.paste(strip.rotate(90, expand=True), (x, _HEADING))
