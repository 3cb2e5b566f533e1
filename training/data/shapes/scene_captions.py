"""Captions of the objects in a scene."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

SMALL_BELOW, LARGE_FROM = 0.22, 0.38
_CLEAR_SLOPE, _CLEAR_FRACTION = 1.4, 0.08
# A caption describes what its region shows, so this much of a neighbor must be in the region.
_SHOWN_FRACTION = 0.25

RELATIONS = ("left of", "right of", "above", "below")


def size_word(box: Sequence[float], image: tuple[int, int]) -> str:
    """Returns `small`, `large` or "", by the longer side of an xyxy box in an (H, W) image."""
    fraction = max(box[2] - box[0], box[3] - box[1]) / min(image)
    if fraction < SMALL_BELOW:
        return "small"
    return "large" if fraction >= LARGE_FROM else ""


def relation(box: Sequence[float], other: Sequence[float], image: tuple[int, int]) -> str | None:
    """Returns the relation of `box` to `other` by their centers; None if it is ambiguous."""
    dx = (box[0] + box[2] - other[0] - other[2]) / 2
    dy = (box[1] + box[3] - other[1] - other[3]) / 2
    far, near = max(abs(dx), abs(dy)), min(abs(dx), abs(dy))
    if far < _CLEAR_FRACTION * min(image) or far < _CLEAR_SLOPE * near:
        return None
    if abs(dx) > abs(dy):
        return "left of" if dx < 0 else "right of"
    return "above" if dy < 0 else "below"


def describe(
    boxes: np.ndarray,
    nouns: Sequence[str],
    colors: Sequence[str],
    moods: Sequence[str],
    image: tuple[int, int],
) -> list[str]:
    """Returns one caption per object, such as "a large red circle left of a small blue square".

    The relation is to the nearest object with at least a quarter of its box inside the object's box
    (N, 4) and clearly on one side; without one the caption ends after the noun.
    """
    rows = boxes.tolist()
    sizes = [size_word(box, image) for box in rows]
    captions = []
    for i in range(len(rows)):
        caption = _phrase(sizes[i], moods[i], colors[i], nouns[i])
        neighbor = _clear_neighbor(i, rows, image)
        if neighbor is not None:
            j, word = neighbor
            caption += f" {word} {_phrase(sizes[j], '', colors[j], nouns[j])}"
        captions.append(caption)
    return captions


def _clear_neighbor(
    i: int, boxes: list[list[float]], image: tuple[int, int]
) -> tuple[int, str] | None:
    """Returns the nearest object shown in the box of object `i`, and its relation."""
    best = None
    x, y = boxes[i][0] + boxes[i][2], boxes[i][1] + boxes[i][3]
    for j, other in enumerate(boxes):
        if j == i or _shown_fraction(other, boxes[i]) < _SHOWN_FRACTION:
            continue
        word = relation(boxes[i], other, image)
        if word is None:
            continue
        gap = (other[0] + other[2] - x) ** 2 + (other[1] + other[3] - y) ** 2
        if best is None or gap < best[0]:
            best = (gap, j, word)
    return best[1:] if best else None


def _shown_fraction(box: list[float], region: list[float]) -> float:
    """Returns the fraction of a box inside a region."""
    width = min(box[2], region[2]) - max(box[0], region[0])
    height = min(box[3], region[3]) - max(box[1], region[1])
    area = (box[2] - box[0]) * (box[3] - box[1])
    return max(width, 0.0) * max(height, 0.0) / area


def _phrase(*words: str) -> str:
    text = " ".join(word for word in words if word)
    return f"{'an' if text[0] in 'aeiou' else 'a'} {text}"
