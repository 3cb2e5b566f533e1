"""Run-length encoded masks: lengths of runs of 0, 1, 0, … down the columns of an image."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from training.data.sources.reading.image_headers import MAX_PIXELS
from training.data.sources.reading.json_files import short


def read_rle(rle: Any, height: int, width: int) -> Sequence[int]:
    """Returns the checked run lengths of COCO's RLE object; an invalid one raises ValueError."""
    size = rle.get("size")
    if size != [height, width]:
        raise ValueError(f"size must be [{height}, {width}], not {size}.")
    if height * width > MAX_PIXELS:
        raise ValueError(f"image of more than {MAX_PIXELS} pixels.")
    counts = rle.get("counts")
    if isinstance(counts, str):
        counts = decompress(counts)
    if not isinstance(counts, list) or not all(type(n) is int and n >= 0 for n in counts):
        raise ValueError(f"counts must be whole numbers of at least 0, not {short(counts)}.")
    if sum(counts) != height * width:
        raise ValueError(f"counts add up to {sum(counts)}, not to the {height}×{width} pixels.")
    return counts


def decompress(text: str) -> list[int]:
    """Decodes COCO's string: five bits per character, differences from the third run on."""
    counts: list[int] = []
    number = shift = 0
    for character in text:
        bits = ord(character) - 48
        if not 0 <= bits < 64 or shift > 60:
            raise ValueError("counts are not a compressed mask.")
        number |= (bits & 31) << shift
        shift += 5
        if bits & 32:
            continue
        if bits & 16:
            number -= 1 << shift
        counts.append(number + counts[-2] if len(counts) > 2 else number)
        number = shift = 0
    if shift:
        raise ValueError("counts are truncated.")
    return counts


def box_of_runs(counts: Sequence[int], height: int) -> tuple[float, ...] | None:
    """Returns the box `xyxy` in pixels around a mask of this height; None if it is empty."""
    runs = np.asarray(counts, np.int64)
    ends = np.cumsum(runs)
    inside = (np.arange(len(runs)) % 2 == 1) & (runs > 0)
    if not inside.any():
        return None
    first, last = (ends - runs)[inside], ends[inside] - 1
    whole = first // height != last // height  # a run over several columns has their full height
    top = np.where(whole, 0, first % height).min()
    bottom = np.where(whole, height - 1, last % height).max()
    left, right = first[0] // height, last[-1] // height
    return (float(left), float(top), float(right + 1), float(bottom + 1))


def compress(counts: Sequence[int]) -> str:
    """Encodes run lengths as COCO's string, the inverse of `decompress`."""
    characters = []
    for index, count in enumerate(counts):
        number = int(count) - int(counts[index - 2]) if index > 2 else int(count)
        while True:
            bits = number & 31
            number >>= 5
            last = number == (-1 if bits & 16 else 0)
            characters.append(chr(48 + bits + (0 if last else 32)))
            if last:
                break
    return "".join(characters)


def run_lengths(mask: np.ndarray) -> list[int]:
    """Returns the run lengths of an (H, W) mask of 0 and 1."""
    flat = np.asarray(mask, bool).ravel(order="F")
    changes = np.flatnonzero(np.diff(flat)) + 1
    ends = np.concatenate([[0], changes, [flat.size]])
    lengths = np.diff(ends).tolist()
    return [0, *lengths] if flat.size and flat[0] else lengths
