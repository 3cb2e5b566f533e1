"""Nearly the same image in two splits, found by perceptual hashes."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator

import imagehash
import numpy as np
from PIL import Image

_SIDE = 16
_MAX_BITS = 28
"""Largest number of different bits of 256.

Compressed, resized or brightened copies of photos differ in up to 28, neighboring sections of a
stack in 58 or more, other images of one kind in 84 or more.
"""

_MAX_FIRST = 20
_SAMPLED = 128
_MIN_CONTRAST = 2.0
_CHUNK = 4_000_000


def perceptual_hash(image: np.ndarray) -> np.ndarray | None:
    """Returns the hash of an image's coarse content, which survives compression and resizing.

    Args:
        image: (H, W, C) uint8 pixels.

    Returns:
        (4,) uint64; None for an image of one color, which is like any other such image.
    """
    step = max(1, min(image.shape[:2]) // _SAMPLED)
    pixels = image[::step, ::step, :3]
    if image.dtype != np.uint8 or pixels.size == 0 or pixels.std() < _MIN_CONTRAST:
        return None
    pixels = pixels if pixels.shape[-1] == 3 else pixels[..., 0]
    found = imagehash.phash(Image.fromarray(np.ascontiguousarray(pixels)), hash_size=_SIDE)
    return np.packbits(found.hash.ravel()).view(np.uint64)


@dataclasses.dataclass(frozen=True)
class SameImage:
    """An image that is also, or nearly, in another split.

    Attributes:
        split, index, name: place and name of the image.
        other_split, other_index, other_name: place and name of the one in the other split.
        bits: number of different bits of 256; 0 for the same pixels.
    """

    split: str
    index: int
    name: str
    other_split: str
    other_index: int
    other_name: str
    bits: int = 0


class HashIndex:
    """Hashes of the images of all splits."""

    def __init__(self) -> None:
        self._hashes: dict[str, list[np.ndarray]] = {}
        self._places: dict[str, list[tuple[int, str]]] = {}

    def add(self, split: str, index: int, name: str, hash_: np.ndarray) -> None:
        """Adds the hash of an image."""
        self._hashes.setdefault(split, []).append(hash_)
        self._places.setdefault(split, []).append((index, name))

    def near_duplicates(self) -> Iterator[SameImage]:
        """Yields each image that is nearly one of an earlier split, with the nearest one."""
        splits = list(self._hashes)
        for position, split in enumerate(splits):
            images = np.stack(self._hashes[split])
            found: dict[int, tuple[int, str, int]] = {}
            for other in splits[:position]:
                bits, indices = _nearest(images, np.stack(self._hashes[other]))
                for i in np.flatnonzero(bits <= _MAX_BITS).tolist():
                    candidate = (int(bits[i]), other, int(indices[i]))
                    found[i] = min(found.get(i, candidate), candidate)
            for i, (count, other, j) in sorted(found.items()):
                place = (split, *self._places[split][i])
                yield SameImage(*place, other, *self._places[other][j], count)


def _nearest(images: np.ndarray, others: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Returns the least number of different bits to other images, and the index of that image.

    Args:
        images: (N, 4) uint64 hashes.
        others: (M, 4) uint64 hashes.

    Returns:
        (N,) bits, `_MAX_BITS` + 1 for more than `_MAX_BITS`, and (N,) indices.
    """
    bits = np.full(len(images), _MAX_BITS + 1)
    indices = np.zeros(len(images), np.int64)
    step = max(1, _CHUNK // len(others))
    for start in range(0, len(images), step):
        part = images[start : start + step]
        # A quarter of the hash excludes almost all pairs in a quarter of the time.
        first = np.bitwise_count(part[:, :1] ^ others[None, :, 0]) <= _MAX_FIRST
        rows, columns = np.nonzero(first)
        total = np.bitwise_count(part[rows] ^ others[columns]).sum(-1)
        order = np.argsort(-total.astype(np.int64), kind="stable")
        # Of several values for one place, the last one is stored: the least.
        near = order[total[order] <= _MAX_BITS]
        bits[start + rows[near]] = total[near]
        indices[start + rows[near]] = columns[near]
    return bits, indices
