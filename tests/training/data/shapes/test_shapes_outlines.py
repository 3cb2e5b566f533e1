"""Outlines and random numbers of the drawn scenes, against geometry done another way."""

from __future__ import annotations

import numpy as np
import pytest

from training.data.shapes.scene_random import Draws, direction
from training.data.shapes.shape_outlines import SHAPES, capsule_distance, shape_distance

RADIUS = 30.0


def polygon_area(radii, degrees) -> float:
    angles = np.deg2rad(degrees)
    x, y = radii * np.cos(angles), radii * np.sin(angles)
    return abs(np.dot(x, np.roll(y, -1)) - np.dot(y, np.roll(x, -1))) / 2


def true_area(kind: str) -> float:
    if kind == "star":
        inner = np.cos(np.deg2rad(72)) / np.cos(np.deg2rad(36))
        return polygon_area(RADIUS * np.tile([1, inner], 5), np.arange(0, 360, 36))
    return {
        "circle": np.pi * RADIUS**2,
        "ring": np.pi * (RADIUS**2 - (RADIUS * 0.64) ** 2),
        "square": (1.6 * RADIUS) ** 2,
        "triangle": polygon_area(np.full(3, RADIUS), np.arange(0, 360, 120)),
        "cross": (2 * 1.88 * 0.6 - 0.6**2) * RADIUS**2,
    }[kind]


@pytest.mark.parametrize("kind", SHAPES)
@pytest.mark.parametrize("degrees", [0.0, 17.0, 61.3])
def test_anti_aliased_area_is_the_true_one(kind, degrees):
    axis = np.arange(-40, 40, dtype=np.float32) + np.float32(0.27)
    distance = shape_distance(kind, axis[None, :], axis[:, None], RADIUS, degrees)
    area = np.clip(0.5 - distance, 0, 1).sum()
    assert area == pytest.approx(true_area(kind), rel=0.012)


def test_an_unknown_shape_is_refused():
    with pytest.raises(ValueError, match=r"kind must be 'circle', .*not 'heart'"):
        shape_distance("heart", np.zeros((1, 1)), np.zeros((1, 1)), 1.0, 0.0)


@pytest.mark.parametrize("stop", [(14.0, 3.5), (2.0, 2.0)])
def test_capsule_distance_is_that_to_the_nearest_point(stop):
    start = (2.0, 2.0)
    xs = np.arange(20, dtype=np.float32)[None, :]
    ys = np.arange(12, dtype=np.float32)[:, None]
    points = np.linspace(start, stop, 4001)
    gaps = np.hypot(xs[..., None] - points[:, 0], ys[..., None] - points[:, 1]).min(-1)
    np.testing.assert_allclose(capsule_distance(xs, ys, start, stop, 1.5), gaps - 1.5, atol=2e-3)


def test_direction_is_cosine_and_sine():
    for degrees in np.linspace(-400, 400, 33):
        angle = np.deg2rad(degrees)
        expected = [np.cos(angle), np.sin(angle)]
        np.testing.assert_allclose(direction(float(degrees)), expected, atol=1e-6)


def test_draws_are_uniform_and_choices_follow_their_weights():
    draws = Draws(1, 2)
    values = np.array([draws.uniform(-2, 6) for _ in range(4000)])
    assert values.min() >= -2 and values.max() < 6
    assert np.histogram(values, bins=8, range=(-2, 6))[0].min() > 400
    picks = np.bincount([draws.choice((1, 0, 3)) for _ in range(4000)], minlength=3)
    assert picks[1] == 0 and picks[2] / picks[0] == pytest.approx(3, rel=0.15)
    assert set(draws.integer(5) for _ in range(200)) == set(range(5))
    grid = draws.grid(31, 17)
    assert grid.shape == (31, 17) and grid.dtype == np.float32
    assert 0 <= grid.min() < 0.05 and 0.95 < grid.max() < 1
