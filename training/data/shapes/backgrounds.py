"""Textured backgrounds in muted colors."""

from __future__ import annotations

import numpy as np

from training.data.shapes.scene_random import Draws, direction

MUTED_RANGE = (84.0, 176.0)
_MAX_CHROMA = 22.0
_MAX_GRAIN = 14.0


def draw_background(draws: Draws, size: tuple[int, int]) -> np.ndarray:
    """Draws (H, W, 3) float32 in 0 … 255: a texture of two muted tones, with grain."""
    texture = _TEXTURES[draws.integer(len(_TEXTURES))]
    mix = texture(draws, size)
    first, second = _tones(draws)
    image = np.empty((*size, 3), np.float32)
    grain = (draws.grid(*size) - np.float32(0.5)) * np.float32(draws.uniform(0, _MAX_GRAIN))
    for channel, (start, stop) in enumerate(zip(first, second, strict=True)):
        image[..., channel] = mix * np.float32(stop - start) + (grain + np.float32(start))
    return image


def _tones(draws: Draws) -> tuple[list[float], list[float]]:
    """Draws two tones of low chroma, 18 to 45 levels of lightness apart."""
    low, high = MUTED_RANGE
    gap = draws.uniform(18, 45)
    dark = draws.uniform(low, high - gap)
    levels = [dark, dark + gap] if draws.unit() < 0.5 else [dark + gap, dark]
    tints = [[draws.uniform(-_MAX_CHROMA, _MAX_CHROMA) for _ in range(3)] for _ in levels]
    first, second = (
        [level + shift for shift in tint] for level, tint in zip(levels, tints, strict=True)
    )
    return first, second


def _plane(size: tuple[int, int], degrees: float) -> np.ndarray:
    """Returns the distance of each pixel center from a line through the center, in pixels."""
    height, width = size
    cosine, sine = direction(degrees)
    xs = (np.arange(width, dtype=np.float32) + np.float32(0.5 - width / 2)) * np.float32(cosine)
    ys = (np.arange(height, dtype=np.float32) + np.float32(0.5 - height / 2)) * np.float32(sine)
    return xs[None, :] + ys[:, None]


def _gradient(draws: Draws, size: tuple[int, int]) -> np.ndarray:
    plane = _plane(size, draws.uniform(0, 360))
    return np.clip(plane * np.float32(1 / max(size)) + np.float32(0.5), 0, 1)


def _wave(draws: Draws, size: tuple[int, int], degrees: float, period: float) -> np.ndarray:
    """Returns bands in −1 … 1 with edges about two pixels wide."""
    phase = (_plane(size, degrees) + np.float32(draws.uniform(0, period))) / np.float32(period)
    ramp = np.abs(phase - np.floor(phase) - np.float32(0.5)) - np.float32(0.25)
    return np.clip(ramp * np.float32(period), -1, 1)


def _stripes(draws: Draws, size: tuple[int, int]) -> np.ndarray:
    period = draws.uniform(0.07, 0.25) * min(size)
    wave = _wave(draws, size, draws.uniform(0, 180), period)
    return wave * np.float32(0.5) + np.float32(0.5)


def _checks(draws: Draws, size: tuple[int, int]) -> np.ndarray:
    period = draws.uniform(0.12, 0.35) * min(size)
    degrees = draws.uniform(0, 90)
    board = _wave(draws, size, degrees, period) * _wave(draws, size, degrees + 90, period)
    return board * np.float32(0.5) + np.float32(0.5)


def _noise(draws: Draws, size: tuple[int, int]) -> np.ndarray:
    """Returns two octaves of value noise."""
    cell = draws.uniform(0.15, 0.35) * min(size)
    coarse = _value_noise(draws, size, cell)
    fine = _value_noise(draws, size, cell / 3)
    return coarse * np.float32(0.7) + fine * np.float32(0.3)


def _value_noise(draws: Draws, size: tuple[int, int], cell: float) -> np.ndarray:
    counts = [int(length / cell) + 2 for length in size]
    knots = draws.grid(*counts)
    (rows, row_part), (columns, column_part) = (_knots(length, cell) for length in size)
    bands = knots[rows] + (knots[rows + 1] - knots[rows]) * row_part[:, None]
    left, right = bands[:, columns], bands[:, columns + 1]
    return left + (right - left) * column_part


def _knots(length: int, cell: float) -> tuple[np.ndarray, np.ndarray]:
    """Returns for each pixel the previous knot and the smoothed fraction of the next one."""
    position = np.arange(length, dtype=np.float32) * np.float32(1 / cell)
    before = np.floor(position)
    part = position - before
    smooth = part * part * (np.float32(3) - np.float32(2) * part)
    return before.astype(np.int64), smooth


_TEXTURES = (_gradient, _stripes, _checks, _noise)
