"""Left-right pairs and limbs of keypoints, derived from their names."""

from __future__ import annotations

import re
from collections.abc import Sequence

from zoo.errors import InputError

Pairs = tuple[tuple[int, int], ...]

_OTHER_SIDE = {"left": "right", "right": "left", "l": "r", "r": "l"}
_LIMBS = (
    *(("ankle", "knee"), ("knee", "hip"), ("wrist", "elbow"), ("elbow", "shoulder")),
    *(("shoulder", "neck"), ("shoulder", "thorax"), ("hip", "pelvis"), ("pelvis", "thorax")),
    *(("thorax", "neck"), ("thorax", "upper neck"), ("neck", "head top"), ("neck", "head")),
    *(("upper neck", "head top"), ("nose", "eye"), ("eye", "ear"), ("ear", "shoulder")),
)


def words_of(name: str) -> tuple[str, ...]:
    """Splits a name into lower-case words: `r_hip`, `rightHip` and `Right Hip` have two each."""
    spaced = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", " ", name)
    return tuple(word.lower() for word in re.split(r"[\W_]+", spaced) if word)


def plain_names(names: Sequence[str]) -> tuple[str, ...]:
    """Returns names in plain words: `r_hip` becomes `right hip` if there is an `l_hip`."""
    words = [words_of(name) for name in names]
    full = {"l": "left", "r": "right"}
    plain = []
    for name, parts in zip(names, words, strict=True):
        sided = _mirrored(parts) in words
        plain.append(" ".join(full.get(w, w) if sided else w for w in parts) or name)
    # Names that differ only in punctuation remain unchanged.
    return tuple(plain) if len(set(plain)) == len(plain) else tuple(names)


def pairs_of(names: Sequence[str]) -> Pairs | None:
    """Returns the (left, right) pairs of keypoint indices that a horizontal flip swaps.

    They are None if no name has a side, or one lacks its counterpart.
    """
    words = [words_of(name) for name in names]
    pairs = []
    for index, parts in enumerate(words):
        mirrored = _mirrored(parts)
        if mirrored == parts:
            continue
        if mirrored not in words:
            if {"left", "right"} & set(parts):
                return None
            continue
        if {"left", "l"} & set(parts):
            pairs.append((index, words.index(mirrored)))
    return tuple(pairs) or None


def read_pairs(text: str, keypoints: int, option: str) -> Pairs:
    """Parses pairs of keypoint indices in an option, such as `0-5,1-4`; `none` for no pairs."""
    if text == "none":
        return ()
    pairs = []
    for word in text.split(","):
        found = re.fullmatch(r"\s*(\d{1,6})-(\d{1,6})\s*", word)
        if not found or max(map(int, found.groups())) >= keypoints:
            raise InputError(
                f"{option} must be pairs of keypoint indices from 0 to {keypoints - 1}, such as "
                f"0-5,1-4, or none, not {text!r}."
            )
        pairs.append((int(found[1]), int(found[2])))
    return tuple(pairs)


def skeleton_of(names: Sequence[str]) -> Pairs:
    """Returns the pairs of keypoint indices that a limb of the body connects, by known names."""
    sides = {}
    for index, name in enumerate(plain_names(names)):
        parts = words_of(name)
        side = next((word for word in parts if word in ("left", "right")), "")
        sides[" ".join(word for word in parts if word != side), side] = index
    limbs = []
    for part, other in _LIMBS:
        for side in ("left", "right", ""):
            start = sides.get((part, side))
            end = sides.get((other, side), sides.get((other, "")))
            # A central keypoint connects to both sides of its neighbor: nose and eyes.
            ends = [end] if end is not None else []
            if start is not None and not ends and side == "":
                ends = [sides[other, s] for s in ("left", "right") if (other, s) in sides]
            limbs += [(start, end) for end in ends if start is not None]
    for part, middles in (("shoulder", ("neck", "thorax")), ("hip", ("pelvis",))):
        pair = [sides[part, side] for side in ("left", "right") if (part, side) in sides]
        if len(pair) == 2 and not any((middle, "") in sides for middle in middles):
            limbs.append((pair[0], pair[1]))
    if ("pelvis", "") not in sides:
        for side in ("left", "right"):
            if ("shoulder", side) in sides and ("hip", side) in sides:
                limbs.append((sides["shoulder", side], sides["hip", side]))
    return tuple(dict.fromkeys(limbs))


def _mirrored(words: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(_OTHER_SIDE.get(word, word) for word in words)
