"""Signed distances to the outlines of the shape classes: negative inside, in pixels."""

from __future__ import annotations

import numpy as np

from training.data.shapes.scene_random import direction
from zoo.argument_checks import check_choice

SHAPES = ("circle", "square", "triangle", "star", "ring", "cross")

_RING_WIDTH = 0.36
_SQUARE_HALF = 0.8
_CROSS_LONG, _CROSS_SHORT = 0.94, 0.3


def shape_distance(
    kind: str, xs: np.ndarray, ys: np.ndarray, radius: float, degrees: float
) -> np.ndarray:
    """Returns the (h, w) signed distance of pixel centers to a shape in a circle of `radius`.

    `xs` (1, w) and `ys` (h, 1) float32 are pixel centers relative to the shape's center. The
    corners of the square extend 13 % beyond the circle; outside of corners the value is a lower
    bound.
    """
    check_choice("kind", kind, SHAPES)
    if kind in ("circle", "ring"):
        return _round(kind, xs, ys, radius)
    if kind in ("square", "cross"):
        return _rectangular(kind, xs, ys, radius, degrees)
    if kind == "triangle":
        # Half-planes at half the circumradius, 120° apart.
        planes = _half_planes(xs, ys, degrees, 3, radius * 0.5)
        return np.maximum(np.maximum(planes[0], planes[1]), planes[2])
    # A star is where at most one of the five lines is exceeded; cos 72° = 0.309017.
    return _second_largest(_half_planes(xs, ys, degrees, 5, radius * 0.309017))


def _round(kind: str, xs: np.ndarray, ys: np.ndarray, radius: float) -> np.ndarray:
    distance = np.sqrt(xs * xs + ys * ys)
    if kind == "circle":
        return distance - np.float32(radius)
    half_width = radius * _RING_WIDTH / 2
    return np.abs(distance - np.float32(radius - half_width)) - np.float32(half_width)


def _rectangular(
    kind: str, xs: np.ndarray, ys: np.ndarray, radius: float, degrees: float
) -> np.ndarray:
    cosine, sine = (np.float32(part) for part in direction(degrees))
    u = np.abs(xs * cosine + ys * sine)
    v = np.abs(ys * cosine - xs * sine)
    if kind == "square":
        return np.maximum(u, v) - np.float32(radius * _SQUARE_HALF)
    long, short = np.float32(radius * _CROSS_LONG), np.float32(radius * _CROSS_SHORT)
    flat = np.maximum(u - long, v - short)
    upright = np.maximum(u - short, v - long)
    return np.minimum(flat, upright)


def _half_planes(
    xs: np.ndarray, ys: np.ndarray, degrees: float, count: int, offset: float
) -> list[np.ndarray]:
    """Returns signed distances to `count` lines at `offset` from the center, evenly rotated."""
    planes = []
    for side in range(count):
        cosine, sine = direction(degrees + 90 + 360 * side / count)
        planes.append(xs * np.float32(cosine) + (ys * np.float32(sine) - np.float32(offset)))
    return planes


def _second_largest(planes: list[np.ndarray]) -> np.ndarray:
    first = np.maximum(planes[0], planes[1])
    second = np.minimum(planes[0], planes[1])
    for plane in planes[2:]:
        second = np.maximum(second, np.minimum(first, plane))
        first = np.maximum(first, plane)
    return second


def capsule_distance(
    xs: np.ndarray,
    ys: np.ndarray,
    start: tuple[float, float],
    stop: tuple[float, float],
    radius: float,
) -> np.ndarray:
    """Returns the (h, w) signed distance to a line with round ends, 2 `radius` wide.

    `xs` (1, w) and `ys` (h, 1) float32 are pixel centers, `start` and `stop` points (x, y).
    """
    dx, dy = stop[0] - start[0], stop[1] - start[1]
    square = dx * dx + dy * dy
    from_x: np.ndarray = xs - np.float32(start[0])
    from_y: np.ndarray = ys - np.float32(start[1])
    if square > 0:
        along = from_x * np.float32(dx / square) + from_y * np.float32(dy / square)
        along = np.minimum(np.maximum(along, np.float32(0)), np.float32(1))
        from_x = from_x - along * np.float32(dx)
        from_y = from_y - along * np.float32(dy)
    return np.sqrt(from_x * from_x + from_y * from_y) - np.float32(radius)
