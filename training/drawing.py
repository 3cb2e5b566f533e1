"""Pictures of answers: the photo, the truth and the prediction, with a legend."""

from __future__ import annotations

import colorsys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from training.files import replacing
from zoo.tasks.schema import IGNORE

_PAD = 6


def class_colors(count: int) -> np.ndarray:
    """(count, 3) uint8 colours, far apart from their neighbours; the first is near black."""
    colors: list[tuple[int, ...]] = [(24, 24, 28)]
    for number in range(count - 1):
        hue = (0.02 + number * 0.618034) % 1.0
        value = (1.0, 0.8, 0.92)[number % 3]
        saturation = (0.75, 0.95, 0.5)[(number // 3) % 3]
        colors.append(tuple(round(255 * c) for c in colorsys.hsv_to_rgb(hue, saturation, value)))
    return np.array(colors[:count], np.uint8)


def paint_classes(segmentation: np.ndarray, count: int) -> np.ndarray:
    """(H, W, 3) uint8 colours of an (H, W) class map; ignored pixels are light grey."""
    colors = np.full((256, 3), 200, np.uint8)
    colors[:count] = class_colors(count)
    colors[IGNORE] = 225
    return colors[np.clip(segmentation, 0, 255)]


def overlay_classes(image: np.ndarray, segmentation: np.ndarray, count: int) -> np.ndarray:
    """The picture with its classes laid over it; class 0 and ignored pixels stay clear."""
    image = _rgb(image)
    painted = paint_classes(segmentation, count)
    clear = (segmentation == 0) | (segmentation == IGNORE)
    mixed = (0.45 * image + 0.55 * painted).astype(np.uint8)
    return np.where(clear[..., None], image, mixed)


def sheet(
    rows: Sequence[Sequence[np.ndarray]],
    headings: Sequence[str] = (),
    legend: Sequence[str] = (),
    cell: int = 256,
) -> Image.Image:
    """A contact sheet.

    Args:
        rows: pictures (H, W, 3) uint8, row by row.
        headings: one a column.
        legend: class names, shown with the colours of `class_colors`.
        cell: longest side of a picture on the sheet, in pixels.
    """
    columns = max((len(row) for row in rows), default=1)
    font = ImageFont.load_default(size=14)
    top = 24 if headings else _PAD
    lines = _legend_lines(legend, columns * (cell + _PAD), font)
    heights = [max(_scaled(p, cell)[1] for p in row) for row in rows]
    height = top + sum(h + _PAD for h in heights) + 22 * len(lines) + _PAD
    canvas = Image.new("RGB", (columns * (cell + _PAD) + _PAD, height), "white")
    draw = ImageDraw.Draw(canvas)
    for column, heading in enumerate(headings):
        draw.text((_PAD + column * (cell + _PAD), 3), heading, "black", font)
    y = top
    for row, row_height in zip(rows, heights, strict=True):
        for column, picture in enumerate(row):
            size = _scaled(picture, cell)
            tile = Image.fromarray(_rgb(picture)).resize(size, Image.Resampling.LANCZOS)
            canvas.paste(tile, (_PAD + column * (cell + _PAD), y))
        y += row_height + _PAD
    colors = class_colors(len(legend))
    for line in lines:
        for x, number in line:
            draw.rectangle((x, y + 3, x + 14, y + 17), tuple(colors[number].tolist()), "grey")
            draw.text((x + 18, y + 1), legend[number], "black", font)
        y += 22
    return canvas


def save_sheet(path: str | Path, canvas: Image.Image) -> None:
    """Writes a PNG or JPEG file as a whole."""
    with replacing(path) as temporary:
        canvas.save(temporary)


def _rgb(image: np.ndarray) -> np.ndarray:
    image = np.clip(np.round(image), 0, 255).astype(np.uint8)
    return np.repeat(image, 3, axis=-1) if image.shape[-1] == 1 else image


def _scaled(picture: np.ndarray, cell: int) -> tuple[int, int]:
    height, width = picture.shape[:2]
    scale = cell / max(height, width)
    return max(1, round(width * scale)), max(1, round(height * scale))


def _legend_lines(legend: Sequence[str], width: int, font) -> list[list[tuple[int, int]]]:
    """Left edge and number of each entry, line by line."""
    lines: list[list[tuple[int, int]]] = []
    x = width
    for number, name in enumerate(legend):
        needed = 18 + int(font.getlength(name)) + 14
        if x + needed > width:
            lines.append([])
            x = _PAD
        lines[-1].append((x, number))
        x += needed
    return lines
