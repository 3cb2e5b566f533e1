"""Captions of generated scenes, parsed and compared with boxes, classes and colors."""

from __future__ import annotations

import re

import numpy as np
import pytest

from training.data.shapes import CLASSES, COLORS, POSES, Scene, draw_scene
from training.data.shapes.scene_captions import describe

PHRASE = r"(an?) (?:(small|large) )?(?:(calm|aggressive) )?(\w+) (\w+)"
CAPTION = re.compile(rf"^{PHRASE}(?: (left of|right of|above|below) {PHRASE})?$")


@pytest.fixture(scope="module")
def scenes() -> list[Scene]:
    return [draw_scene(7, index) for index in range(240)]


def check_phrase(scene: Scene, number: int, words, with_pose: bool) -> None:
    article, size, pose, color, noun = words
    x0, y0, x1, y1 = scene.boxes[number]
    side = max(x1 - x0, y1 - y0) / 128
    assert size == ("small" if side < 0.22 else "large" if side >= 0.38 else None)
    assert noun == CLASSES[scene.labels[number]]
    assert color == list(COLORS)[scene.colors[number]]
    is_figure = with_pose and noun == "figure"
    assert pose == (POSES[scene.poses[number]] if is_figure else None)
    assert article == ("an" if (size or pose or color)[0] in "aeiou" else "a")


def test_captions_are_true(scenes):
    relations = set()
    for scene in scenes:
        centers = (scene.boxes[:, :2] + scene.boxes[:, 2:]) / 2
        for number, caption in enumerate(scene.captions):
            words = CAPTION.match(caption)
            assert words, caption
            check_phrase(scene, number, words.groups()[:5], with_pose=True)
            relation = words.group(6)
            relations.add(relation)
            if relation is None:
                continue
            (other,) = np.flatnonzero(scene.colors == list(COLORS).index(words.group(10)))
            check_phrase(scene, other, words.groups()[6:], with_pose=False)
            dx, dy = centers[number] - centers[other]
            true = {"left of": -dx, "right of": dx, "above": -dy, "below": dy}
            assert max(true, key=true.get) == relation and true[relation] > 10
    assert relations == {None, "left of", "right of", "above", "below"}


@pytest.mark.parametrize(
    ("neighbor", "ending"),
    [
        ((45, 10, 65, 30), " left of a small blue square"),  # a quarter of it lies in the region
        ((46, 10, 66, 30), ""),
        ((30, 10, 50, 30), " left of a small blue square"),
        ((20, 10, 40, 30), ""),  # in the middle of the region
    ],
)
def test_a_neighbor_is_named_where_the_region_shows_it(neighbor, ending):
    boxes = np.array([(10, 0, 50, 40), neighbor], np.float32)
    captions = describe(boxes, ["circle", "square"], ["red", "blue"], ["", ""], (100, 100))
    assert captions[0] == "a large red circle" + ending
