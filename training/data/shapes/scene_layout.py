"""Choice, position and visibility of the objects of a scene."""

from __future__ import annotations

import numpy as np

from training.data.shapes.scene_objects import (
    CLASSES,
    COLORS,
    SceneObject,
    draw_person,
    draw_shape,
    figure_of_size,
)
from training.data.shapes.scene_random import Draws

MIN_VISIBLE_PIXELS = 20
MIN_VISIBLE_FRACTION = 0.25

_FIGURE = CLASSES.index("figure")
_EMPTY_PROBABILITY = 1 / 12
_COUNT_WEIGHTS = (2, 3, 4, 3, 2, 1)  # of one, two, … objects
_CLASS_WEIGHTS = tuple(2.0 if name == "figure" else 1.0 for name in CLASSES)
_MIN_RADIUS, _MIN_EXTENT = 4.5, 24.0


def arrange_crowd(draws: Draws, size: tuple[int, int]) -> list[SceneObject]:
    """Draws up to six objects of different colors, back to front."""
    if draws.unit() < _EMPTY_PROBABILITY:
        return []
    count = 1 + draws.choice(_COUNT_WEIGHTS)
    free = list(range(len(COLORS)))
    objects: list[SceneObject] = []
    taken: list[tuple[float, float, float]] = []
    for _ in range(count):
        color = free.pop(draws.integer(len(free)))
        label = draws.choice(_CLASS_WEIGHTS)
        if label == _FIGURE:
            extent = max(draws.uniform(0.3, 0.72) * min(size), _MIN_EXTENT)
            pose, figure = figure_of_size(draws, extent)
            _, _, half_width, half_height = figure.bounds()
            center = _place(draws, size, 0.75 * half_width, 0.75 * half_height, taken)
            objects.append(draw_person(draws, pose, color, center, figure))
        else:
            radius = max(draws.uniform(0.075, 0.24) * min(size), _MIN_RADIUS)
            center = _place(draws, size, 0.6 * radius, 0.6 * radius, taken)
            objects.append(draw_shape(draws, label, color, center, radius))
    return objects


def _place(
    draws: Draws,
    size: tuple[int, int],
    margin_x: float,
    margin_y: float,
    taken: list[tuple[float, float, float]],
) -> tuple[float, float]:
    """Draws a center (x, y) inside the margins, away from other objects if possible."""
    reach = max(margin_x, margin_y)
    for _ in range(4):
        x = _between(draws, margin_x, size[1] - margin_x)
        y = _between(draws, margin_y, size[0] - margin_y)
        near = (
            (x - other_x) ** 2 + (y - other_y) ** 2 < (reach + other_reach) ** 2
            for other_x, other_y, other_reach in taken
        )
        if not any(near):
            break
    taken.append((x, y, reach))
    return x, y


def _between(draws: Draws, low: float, high: float) -> float:
    return draws.uniform(low, high) if low < high else (low + high) / 2


def arrange_one(draws: Draws, size: tuple[int, int], figure: bool) -> SceneObject:
    """Draws one object that is completely inside the image."""
    color = draws.integer(len(COLORS))
    label = _FIGURE if figure else draws.integer(len(CLASSES))
    if label == _FIGURE:
        pose, body = figure_of_size(draws, draws.uniform(0.48, 0.82) * min(size))
        _, _, half_width, half_height = body.bounds()
        center = _place(draws, size, half_width, half_height, [])
        return draw_person(draws, pose, color, center, body)
    radius = draws.uniform(0.15, 0.4) * min(size)
    center = _place(draws, size, 1.14 * radius, 1.14 * radius, [])
    return draw_shape(draws, label, color, center, radius)


def keep_visible(
    objects: list[SceneObject], size: tuple[int, int]
) -> tuple[list[SceneObject], np.ndarray]:
    """Returns the visible objects, back to front, and their (H, W) uint16 instance map.

    At least `MIN_VISIBLE_PIXELS` and the fraction `MIN_VISIBLE_FRACTION` of them are neither
    occluded by visible objects in front nor outside of the image. The map is 0 in the background,
    else 1 + index.
    """
    depth = np.zeros(size, np.uint16)  # 1 = foremost visible object
    kept: list[SceneObject] = []
    for item in reversed(objects):
        support = item.support()
        image, window = item.cropped(size)
        free = support[window] & (depth[image] == 0)
        shown, whole = np.count_nonzero(free), np.count_nonzero(support)
        if shown >= max(MIN_VISIBLE_PIXELS, MIN_VISIBLE_FRACTION * whole):
            kept.append(item)
            depth[image][free] = len(kept)
    numbers = np.zeros(len(kept) + 1, np.uint16)
    numbers[1:] = np.arange(len(kept), 0, -1)
    return kept[::-1], numbers[depth]
