"""The objects of a scene, anti-aliased."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from training.data.shapes.figure_poses import POSES
from training.data.shapes.figures import Figure, draw_figure
from training.data.shapes.scene_random import Draws, direction
from training.data.shapes.shape_outlines import SHAPES, shape_distance

CLASSES = (*SHAPES, "figure")
"""Object classes; segmentation maps have 0 for the background and 1 + the class index."""

COLORS = {
    "red": (208, 32, 38),
    "orange": (240, 132, 20),
    "yellow": (238, 218, 40),
    "green": (36, 150, 52),
    "blue": (36, 70, 214),
    "purple": (140, 44, 168),
    "white": (244, 244, 244),
    "black": (22, 22, 22),
}
"""RGB of each named color; objects deviate by up to 14 levels before shading."""

_FIGURE = CLASSES.index("figure")
_COLOR_JITTER = 14.0
_SHADING = 0.1
_TINT = 0.34
_PAD = 2


@dataclass(frozen=True)
class SceneObject:
    """An object in a window that may extend beyond the image.

    Attributes:
        label: index into `CLASSES`.
        color: index into `COLORS`.
        pose: index into `POSES`; −1 unless it is a figure.
        x0: left edge of the window in pixels of the image; may be negative.
        y0: top edge of the window in pixels of the image; may be negative.
        coverage: (h, w) float32 in 0 … 1, painted fraction of each pixel.
        paint: (h, w, 3) float32, color of each pixel.
        joints: 14 × (x, y) of a figure; empty for other objects.
    """

    label: int
    color: int
    pose: int
    x0: int
    y0: int
    coverage: np.ndarray
    paint: np.ndarray
    joints: tuple[tuple[float, float], ...] = ()

    def cropped(self, size: tuple[int, int]) -> tuple[tuple[slice, slice], tuple[slice, slice]]:
        """Returns the slices of the image and of the window where they intersect."""
        height, width = self.coverage.shape
        top, left = max(self.y0, 0), max(self.x0, 0)
        bottom = max(min(self.y0 + height, size[0]), top)
        right = max(min(self.x0 + width, size[1]), left)
        image = (slice(top, bottom), slice(left, right))
        window = (slice(top - self.y0, bottom - self.y0), slice(left - self.x0, right - self.x0))
        return image, window

    def support(self) -> np.ndarray:
        """Returns (h, w) bool: pixels at least half covered."""
        return self.coverage >= 0.5


def draw_shape(
    draws: Draws, label: int, color: int, center: tuple[float, float], radius: float
) -> SceneObject:
    """Draws a shape of class `label` in a circle of `radius` pixels about `center` (x, y)."""
    reach = int(radius * 1.15) + _PAD
    x0, y0 = int(center[0]) - reach, int(center[1]) - reach
    xs = np.arange(x0, x0 + 2 * reach + 1, dtype=np.float32)[None, :] + np.float32(0.5 - center[0])
    ys = np.arange(y0, y0 + 2 * reach + 1, dtype=np.float32)[:, None] + np.float32(0.5 - center[1])
    distance = shape_distance(CLASSES[label], xs, ys, radius, draws.uniform(0, 360))
    paint = _shaded(draws, _jittered(draws, color), xs, ys, radius)
    return SceneObject(label, color, -1, x0, y0, _coverage(distance), paint)


def draw_person(
    draws: Draws, pose: int, color: int, center: tuple[float, float], figure: Figure
) -> SceneObject:
    """Draws a stick figure about `center`, its right arm and leg tinted towards grey."""
    figure = figure.moved(*center)
    left, top, right, bottom = figure.bounds()
    x0, y0 = int(left) - _PAD, int(top) - _PAD
    width, height = int(right) + _PAD - x0, int(bottom) + _PAD - y0
    whole, right_side = figure.distances(x0, y0, height, width)
    rgb = _jittered(draws, color)
    paint = np.empty((height, width, 3), np.float32)
    tint = _coverage(right_side) * np.float32(_TINT)
    for channel, level in enumerate(rgb):
        paint[..., channel] = tint * np.float32(128 - level) + np.float32(level)
    return SceneObject(_FIGURE, color, pose, x0, y0, _coverage(whole), paint, figure.joints)


def figure_of_size(draws: Draws, extent: float) -> tuple[int, Figure]:
    """Draws a pose with equal probability, and a figure in it of `extent` pixels."""
    pose = draws.integer(len(POSES))
    return pose, draw_figure(draws, POSES[pose], extent)


def _coverage(distance: np.ndarray) -> np.ndarray:
    """Returns the fraction of a pixel behind an edge at `distance` from its center."""
    return np.minimum(np.maximum(np.float32(0.5) - distance, np.float32(0)), np.float32(1))


def _jittered(draws: Draws, color: int) -> list[float]:
    base = tuple(COLORS.values())[color]
    return [
        min(max(level + draws.uniform(-_COLOR_JITTER, _COLOR_JITTER), 0.0), 255.0) for level in base
    ]


def _shaded(
    draws: Draws, rgb: list[float], xs: np.ndarray, ys: np.ndarray, radius: float
) -> np.ndarray:
    """Returns a color with a slight gradient of lightness."""
    cosine, sine = direction(draws.uniform(0, 360))
    strength = draws.uniform(0, _SHADING) / radius
    light = xs * np.float32(cosine * strength) + (ys * np.float32(sine * strength) + np.float32(1))
    return light[..., None] * np.array(rgb, np.float32)
