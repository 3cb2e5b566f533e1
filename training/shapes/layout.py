"""Which things a scene holds, how large they are and where they lie."""

from __future__ import annotations

from training.shapes.draws import Draws
from training.shapes.objects import (
    CLASSES,
    COLORS,
    Thing,
    draw_person,
    draw_shape,
    figure_of_size,
)

_FIGURE = CLASSES.index("figure")
_EMPTY_SHARE = 1 / 12
_COUNT_WEIGHTS = (2, 3, 4, 3, 2, 1)  # of one object, two objects, …
_CLASS_WEIGHTS = tuple(2.0 if name == "figure" else 1.0 for name in CLASSES)
_MIN_RADIUS, _MIN_EXTENT = 4.5, 24.0


def arrange_crowd(draws: Draws, size: tuple[int, int]) -> list[Thing]:
    """Up to six things of different colours, back to front."""
    if draws.unit() < _EMPTY_SHARE:
        return []
    count = 1 + draws.choice(_COUNT_WEIGHTS)
    free = list(range(len(COLORS)))
    things: list[Thing] = []
    taken: list[tuple[float, float, float]] = []
    for _ in range(count):
        color = free.pop(draws.integer(len(free)))
        label = draws.choice(_CLASS_WEIGHTS)
        if label == _FIGURE:
            extent = max(draws.uniform(0.3, 0.72) * min(size), _MIN_EXTENT)
            pose, figure = figure_of_size(draws, extent)
            _, _, half_width, half_height = figure.bounds()
            centre = _place(draws, size, 0.75 * half_width, 0.75 * half_height, taken)
            things.append(draw_person(draws, pose, color, centre, figure))
        else:
            radius = max(draws.uniform(0.075, 0.24) * min(size), _MIN_RADIUS)
            centre = _place(draws, size, 0.6 * radius, 0.6 * radius, taken)
            things.append(draw_shape(draws, label, color, centre, radius))
    return things


def _place(
    draws: Draws,
    size: tuple[int, int],
    margin_x: float,
    margin_y: float,
    taken: list[tuple[float, float, float]],
) -> tuple[float, float]:
    """A centre (x, y) at least the margins away from the border, if it can be had off others."""
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


def arrange_one(draws: Draws, size: tuple[int, int], figure: bool) -> Thing:
    """One thing, as large as the picture allows or smaller, wholly inside it."""
    color = draws.integer(len(COLORS))
    label = _FIGURE if figure else draws.integer(len(CLASSES))
    if label == _FIGURE:
        pose, body = figure_of_size(draws, draws.uniform(0.48, 0.82) * min(size))
        _, _, half_width, half_height = body.bounds()
        centre = _place(draws, size, half_width, half_height, [])
        return draw_person(draws, pose, color, centre, body)
    radius = draws.uniform(0.15, 0.4) * min(size)
    centre = _place(draws, size, 1.14 * radius, 1.14 * radius, [])
    return draw_shape(draws, label, color, centre, radius)
