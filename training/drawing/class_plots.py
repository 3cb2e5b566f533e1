"""Plots for image classification: confusion matrix and heat map."""

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
    """Returns a confusion matrix as an image, colored by the fraction of the true class.

    Args:
        matrix: counts (C, C), one row per true class and one column per predicted class.
        names: class names.
        cell: side of a cell in pixels; counts are written where they fit.

    Raises:
        ValueError: if the shape of the matrix does not match the names.
    """
    counts = np.asarray(matrix, np.int64)
    classes = len(names)
    if counts.shape != (classes, classes):
        raise ValueError(f"matrix must have the shape {(classes, classes)}, not {counts.shape}.")
    typeface = font(min(_LETTERS, max(8, cell - 4)))
    labels = [fitting(name, typeface, _LONGEST) for name in names]
    margin = round(max((typeface.getlength(label) for label in labels), default=0)) + 2 * _PAD
    left, top = margin + _HEADING, margin + _HEADING
    size = (left + classes * cell + _PAD, top + classes * cell + _PAD)
    drawing = Image.new("RGB", size, "white")
    draw = ImageDraw.Draw(drawing)
    fractions = counts / np.maximum(counts.sum(1, keepdims=True), 1)
    for row in range(classes):
        for column in range(classes):
            fraction, count = fractions[row, column], str(counts[row, column])
            color = tuple(np.round(255 + (_DEEP - 255) * fraction).astype(int).tolist())
            x, y = left + column * cell, top + row * cell
            draw.rectangle((x, y, x + cell - 1, y + cell - 1), color, (215, 215, 215))
            if counts[row, column] and typeface.getlength(count) < cell - 2:
                middle = (x + cell / 2, y + cell / 2)
                draw.text(middle, count, "white" if fraction > 0.5 else "black", typeface, "mm")
        middle = (left - _PAD, top + (row + 0.5) * cell)
        draw.text(middle, labels[row], "black", typeface, "rm")
    _upright(drawing, labels, typeface, left, top, cell)
    draw.text((left + classes * cell / 2, _PAD), "prediction", "grey", typeface, "mt")
    side = Image.new("RGB", (classes * cell, _HEADING), "white")
    middle = (classes * cell / 2, _HEADING / 2)
    ImageDraw.Draw(side).text(middle, "ground truth", "grey", typeface, "mm")
    drawing.paste(side.rotate(90, expand=True), (2, top))
    return drawing


def overlay_heat(image: np.ndarray, heat: np.ndarray) -> np.ndarray:
    """Returns the image under a heat map (H, W): grey where it is low, red where it is high."""
    heat = heat.astype(np.float64)
    level = ((heat - heat.min()) / max(np.ptp(heat), 1e-12))[..., None]
    colors = rgb(image).astype(np.float64)
    grey = np.repeat(colors.mean(-1, keepdims=True), 3, axis=-1)
    lit = (1 - level) * 0.6 * grey + level * colors
    return np.round((1 - 0.45 * level) * lit + 0.45 * level * _HOT).astype(np.uint8)


def _upright(drawing: Image.Image, labels, typeface, left: int, top: int, cell: int) -> None:
    """Writes the names above the columns, rotated by 90°."""
    height = round(typeface.size * 1.5)
    for column, label in enumerate(labels):
        strip = Image.new("RGB", (top - _HEADING, height), "white")
        ImageDraw.Draw(strip).text((_PAD, height / 2), label, "black", typeface, "lm")
        x = left + round((column + 0.5) * cell - height / 2)
        drawing.paste(strip.rotate(90, expand=True), (x, _HEADING))
