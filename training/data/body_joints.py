"""Indices of torso and head keypoints by their names."""

from __future__ import annotations

from collections.abc import Sequence

from training.data.sources.keypoints.keypoint_names import plain_names

_NECKS = ("neck", "upper neck")
_HEADS = ("head top", "head", "top of head", "top head")


def torso_of(names: Sequence[str]) -> tuple[int, int, int, int] | None:
    """Returns the indices of right and left shoulder, right and left hip, or None."""
    words = [name.lower() for name in plain_names(names)]
    torso = ("right shoulder", "left shoulder", "right hip", "left hip")
    if any(name not in words for name in torso):
        return None
    first, second, third, fourth = (words.index(name) for name in torso)
    return first, second, third, fourth


def head_of(names: Sequence[str]) -> tuple[int, int] | None:
    """Returns the indices of the neck and the top of the head; None if one is missing."""
    words = [name.lower() for name in plain_names(names)]
    ends = [next((words.index(n) for n in known if n in words), None) for known in (_NECKS, _HEADS)]
    return None if ends[0] is None or ends[1] is None else (ends[0], ends[1])
