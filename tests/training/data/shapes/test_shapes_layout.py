"""Visibility of the objects of a scene."""

from __future__ import annotations

import numpy as np
import pytest

from training.data.shapes import CLASSES
from training.data.shapes.scene_layout import keep_visible
from training.data.shapes.scene_objects import SceneObject, draw_shape
from training.data.shapes.scene_random import Draws


@pytest.mark.parametrize(
    ("offset", "kept"),
    [
        (0, [1]),  # wholly behind the front square
        (13, [1]),  # about a fifth can be seen
        (17, [0, 1]),  # about two fifths can be seen
        (40, [0, 1]),
    ],
)
def test_nearly_hidden_objects_are_dropped(offset, kept):
    things = [disc(40 + offset, 12), disc(40, 21)]
    left, instances = keep_visible(things, (80, 128))
    assert [things.index(thing) for thing in left] == kept
    assert instances.max() == len(kept)
    front = np.count_nonzero(instances == len(kept))
    assert front == pytest.approx(np.pi * 21**2, rel=0.02)


def test_dropped_objects_occlude_nothing():
    back, middle, front = things = [disc(40, 14), disc(50, 12), disc(54, 12)]
    left, instances = keep_visible(things, (80, 128))
    assert len(left) == 2 and left[0] is back and left[1] is front
    behind, before = (painted(thing) for thing in left)
    np.testing.assert_array_equal(instances, np.where(before, 2, behind))
    assert np.count_nonzero(instances[painted(middle)] == 1) > 40


def painted(thing: SceneObject) -> np.ndarray:
    """(80, 128) bool, the pixels of one object."""
    whole = np.zeros((80, 128), bool)
    image, window = thing.cropped((80, 128))
    whole[image] = thing.support()[window]
    return whole


@pytest.mark.parametrize(
    ("x", "radius", "count"), [(40, 3, 1), (40, 2, 0), (-4, 12, 1), (-8, 12, 0)]
)
def test_tiny_and_outside_objects_are_dropped(x, radius, count):
    left, instances = keep_visible([disc(x, radius)], (80, 128))
    assert len(left) == instances.max() == count


def disc(x: float, radius: float) -> SceneObject:
    return draw_shape(Draws(0, 0), CLASSES.index("circle"), 0, (x, 40), radius)
