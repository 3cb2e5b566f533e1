"""Run-length encoded masks: lengths of runs of 0, 1, 0, … down the columns of an image."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from training.data.sources.reading.image_headers import MAX_PIXELS


def read_runs(value: Any, height: int, width: int) -> Sequence[int]:
    """Checked run lengths of an RLE object, its counts a list or COCO's compressed string.

    Args:
        value: `{"size": [height, width], "counts": …}`.
        height, width: of its image.

    Raises:
        ValueError: it is not a mask of such an image; the message says why.
    """
    size = value.get("size")
    if size != [height, width]:
        raise ValueError(f"size {size} where the image is [{height}, {width}]")
    if height * width > MAX_PIXELS:
        raise ValueError("far too large an image")
    counts = value.get("counts")
    if isinstance(counts, str):
        counts = decompress(counts)
    if not isinstance(counts, list) or not all(type(n) is int and n >= 0 for n in counts):
        raise ValueError("counts are not whole numbers from 0 on")
    if sum(counts) != height * width:
        raise ValueError(f"counts add up to {sum(counts)} where {height}×{width} pixels are")
    return counts


def decompress(text: str) -> list[int]:
    """Run lengths from COCO's string: five bits a letter, from the third on as differences.

    Raises:
        ValueError: not such a string.
    """
    counts: list[int] = []
    number = shift = 0
    for letter in text:
        bits = ord(letter) - 48
        if not 0 <= bits < 64 or shift > 60:
            raise ValueError("counts are not a compressed mask")
        number |= (bits & 31) << shift
        shift += 5
        if bits & 32:
            continue
        if bits & 16:
            number -= 1 << shift
        counts.append(number + counts[-2] if len(counts) > 2 else number)
        number = shift = 0
    if shift:
        raise ValueError("counts are cut off")
    return counts


def compress(counts: Sequence[int]) -> str:
    """COCO's string of run lengths; `decompress` takes it back."""
    letters = []
    for place, count in enumerate(counts):
        number = int(count) - int(counts[place - 2]) if place > 2 else int(count)
        while True:
            bits = number & 31
            number >>= 5
            last = number == (-1 if bits & 16 else 0)
            letters.append(chr(48 + bits + (0 if last else 32)))
            if last:
                break
    return "".join(letters)


def runs_of(mask: np.ndarray) -> list[int]:
    """Run lengths of an (H, W) mask of 0 and 1."""
    flat = np.asarray(mask, bool).ravel(order="F")
    changes = np.flatnonzero(np.diff(flat)) + 1
    ends = np.concatenate([[0], changes, [flat.size]])
    lengths = np.diff(ends).tolist()
    return [0, *lengths] if flat.size and flat[0] else lengths
