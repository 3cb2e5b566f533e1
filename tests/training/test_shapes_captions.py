"""Captions of drawn scenes, taken apart and held against boxes, classes and colours."""

from __future__ import annotations

import re

import numpy as np
import pytest

from training.shapes import CLASSES, COLORS, POSES, Scene, draw_scene

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
        centres = (scene.boxes[:, :2] + scene.boxes[:, 2:]) / 2
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
            dx, dy = centres[number] - centres[other]
            true = {"left of": -dx, "right of": dx, "above": -dy, "below": dy}
            assert max(true, key=true.get) == relation and true[relation] > 10
    assert relations == {None, "left of", "right of", "above", "below"}


def test_most_objects_with_company_are_placed_by_it(scenes):
    crowds = [caption for scene in scenes if len(scene.labels) > 1 for caption in scene.captions]
    placed = [bool(CAPTION.match(caption).group(6)) for caption in crowds]
    assert np.mean(placed) > 0.85
