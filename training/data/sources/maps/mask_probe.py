"""Values and colors of mask files, counted when a data set is opened."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from training.data.sources.reading.index_maps import index_values, open_mask
from zoo.errors import InputError

MAX_PROBED = 2000
"""Masks that are read when a data set is opened, evenly spread."""

_MAX_COLORS = 65536
Counts = dict[int, int]


@dataclasses.dataclass(frozen=True)
class ProbedMask:
    """Contents of a mask file.

    Attributes:
        path: the file.
        values: pixels by value; by index for a palette image, empty for a color image.
        colors: pixels by color 0xRRGGBB; empty if the mask has more than 8 bits.
        palette: color of each used index; empty for other images, and for a palette of greys.
        lossy: whether it is a JPEG file.
        error: message if the file cannot be read.
    """

    path: Path
    values: Counts = dataclasses.field(default_factory=dict)
    colors: Counts = dataclasses.field(default_factory=dict)
    palette: Counts = dataclasses.field(default_factory=dict)
    lossy: bool = False
    error: str = ""

    @property
    def is_color(self) -> bool:
        """Whether the mask has colors other than greys, and no palette."""
        return bool(self.colors) and not self.values


def probe_masks(paths: Sequence[Path]) -> list[ProbedMask]:
    """Counts the values of mask files, in parallel."""
    with ThreadPoolExecutor() as pool:
        return list(pool.map(probe_mask, paths))


def spread(paths: Sequence[Path], limit: int) -> list[Path]:
    """Returns at most `limit` paths, evenly spread."""
    return list(paths[:: -(-len(paths) // limit) or 1])


def probe_mask(path: Path) -> ProbedMask:
    """Counts the values and colors of a mask file."""
    try:
        image = open_mask(path)
        lossy = image.format == "JPEG"
        if image.mode in ("RGB", "RGBA", "CMYK", "YCbCr", "LAB", "HSV"):
            return _probe_color(path, image.convert("RGB"), lossy)
        if image.mode == "P":
            return _probe_palette(path, image)
        values = _value_counts(index_values(image, path, lossy=True))
    except InputError as error:
        return ProbedMask(path, error=str(error))
    grey = {value * 0x010101: count for value, count in values.items()}
    return ProbedMask(path, values, grey if max(values) < 256 else {}, lossy=lossy)


def _probe_color(path: Path, image: Image.Image, lossy: bool) -> ProbedMask:
    found: Any = image.getcolors(_MAX_COLORS)
    if found is None:
        return ProbedMask(
            path,
            error=f"{path}: more than {_MAX_COLORS} colors, as in a photo; save the mask as a PNG "
            "of class indices.",
        )
    colors = {(r << 16) + (g << 8) + b: count for count, (r, g, b) in found}
    grey = all(color % 0x010101 == 0 for color in colors)
    values = {color >> 16: count for color, count in colors.items()} if grey else {}
    return ProbedMask(path, values, colors, lossy=lossy)


def _probe_palette(path: Path, image: Image.Image) -> ProbedMask:
    counts = np.array(image.histogram()[:256])
    values = {int(value): int(counts[value]) for value in np.flatnonzero(counts)}
    rgb = np.zeros((256, 3), np.int64)
    stored = np.array(image.getpalette("RGB") or [], np.int64).reshape(-1, 3)[:256]
    rgb[: len(stored)] = stored
    codes = (rgb[:, 0] << 16) + (rgb[:, 1] << 8) + rgb[:, 2]
    palette = {value: int(codes[value]) for value in values}
    colors: Counts = {}
    for value, color in palette.items():
        colors[color] = colors.get(color, 0) + values[value]
    ramp = all(color == value * 0x010101 for value, color in palette.items())
    return ProbedMask(path, values, colors, {} if ramp else palette)


def _value_counts(values: np.ndarray) -> Counts:
    low, high = int(values.min()), int(values.max())
    if high - low < 1 << 17:
        counts = np.bincount(values.ravel() - low)
        return {low + int(i): int(counts[i]) for i in np.flatnonzero(counts)}
    found, numbers = np.unique(values, return_counts=True)
    return dict(zip(found.tolist(), numbers.tolist(), strict=True))
