"""Contact sheets."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from training.drawing.class_maps import rgb
from training.drawing.colors import class_colors
from training.drawing.text_labels import fitting, font
from zoo.files.atomic_writes import replacing

_PAD = 6
_TITLE = 18


def sheet(
    rows: Sequence[Sequence[np.ndarray]],
    headings: Sequence[str] = (),
    legend: Sequence[str] = (),
    cell: int | None = 256,
    titles: Sequence[Sequence[str]] = (),
    colors: np.ndarray | None = None,
) -> Image.Image:
    """Returns a contact sheet of images.

    Args:
        rows: images (H, W, 3) uint8, row by row.
        headings: headings of the columns.
        legend: class names, drawn with their colors.
        cell: longest side of an image on the sheet in pixels; None for the size of each image,
            which keeps the scale of images with captions below them.
        titles: titles below the images, row by row.
        colors: colors (len(legend), 3) of the legend; default `class_colors`.
    """
    columns = max((len(row) for row in rows), default=1)
    wide = cell or max((p.shape[1] for row in rows for p in row), default=1)
    typeface = font(13)
    top = 24 if headings else _PAD
    lines = _legend_lines(legend, columns * (wide + _PAD), typeface)
    below = _PAD + (_TITLE if titles else 0)
    heights = [max(_scaled(p, cell)[1] for p in row) for row in rows]
    height = top + sum(h + below for h in heights) + 22 * len(lines) + _PAD
    drawing = Image.new("RGB", (columns * (wide + _PAD) + _PAD, height), "white")
    draw = ImageDraw.Draw(drawing)
    for column, heading in enumerate(headings):
        draw.text((_PAD + column * (wide + _PAD), 3), heading, "black", typeface)
    y = top
    for number, (row, row_height) in enumerate(zip(rows, heights, strict=True)):
        for column, image in enumerate(row):
            size = _scaled(image, cell)
            tile = Image.fromarray(rgb(image)).resize(size, Image.Resampling.LANCZOS)
            x = _PAD + column * (wide + _PAD)
            drawing.paste(tile, (x, y))
            if titles:
                title = fitting(titles[number][column], font(12), wide)
                draw.text((x, y + size[1] + 1), title, "black", font(12))
        y += row_height + below
    colors = class_colors(len(legend)) if colors is None else colors
    for line in lines:
        for x, entry in line:
            color = tuple(int(channel) for channel in colors[entry])
            draw.rectangle((x, y + 3, x + 14, y + 17), color, "grey")
            draw.text((x + 18, y + 2), legend[entry], "black", typeface)
        y += 22
    return drawing


def save_sheet(path: str | Path, drawing: Image.Image) -> None:
    """Writes a PNG or JPEG file atomically."""
    with replacing(path) as temporary:
        drawing.save(temporary)


def _scaled(image: np.ndarray, cell: int | None) -> tuple[int, int]:
    height, width = image.shape[:2]
    if cell is None:
        return width, height
    scale = cell / max(height, width)
    return max(1, round(width * scale)), max(1, round(height * scale))


def _legend_lines(legend: Sequence[str], width: int, typeface) -> list[list[tuple[int, int]]]:
    """Returns left edge and index of the entries of each line."""
    lines: list[list[tuple[int, int]]] = []
    x = width
    for number, name in enumerate(legend):
        needed = 18 + int(typeface.getlength(name)) + 14
        if x + needed > width:
            lines.append([])
            x = _PAD
        lines[-1].append((x, number))
        x += needed
    return lines
