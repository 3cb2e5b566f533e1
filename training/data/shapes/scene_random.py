"""Random numbers that are equal on every machine and with every version of NumPy."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

_BLOCK = 128


class Draws:
    """Random numbers of scene `index` of the data set with `seed`, both at least 0.

    Only the raw words of a bit generator are used: NumPy guarantees these streams, while those of
    `Generator.uniform` and similar methods may change between releases.
    """

    def __init__(self, seed: int, index: int):
        self._bits = np.random.PCG64(np.random.SeedSequence([seed, index]))
        self._words: list[int] = []

    def unit(self) -> float:
        """Returns a float in [0, 1)."""
        if not self._words:
            self._words = self._bits.random_raw(_BLOCK).tolist()
        return (self._words.pop() >> 11) * 2.0**-53

    def uniform(self, low: float, high: float) -> float:
        """Returns a float in [low, high)."""
        return low + (high - low) * self.unit()

    def integer(self, stop: int) -> int:
        """Returns an integer in 0 … stop − 1."""
        return int(self.unit() * stop)

    def choice(self, weights: Sequence[float]) -> int:
        """Returns an index with probabilities in proportion to `weights`."""
        rest = self.unit() * sum(weights)
        for index, weight in enumerate(weights):
            rest -= weight
            if rest < 0:
                return index
        return len(weights) - 1

    def grid(self, height: int, width: int) -> np.ndarray:
        """Returns (height, width) float32 in [0, 1), in steps of 1/256."""
        count = height * width
        words = self._bits.random_raw((count + 7) // 8).astype("<u8", copy=False)
        levels = words.view(np.uint8)[:count].reshape(height, width)
        return levels.astype(np.float32) * np.float32(1 / 256)


def direction(degrees: float) -> tuple[float, float]:
    """Returns (cosine, sine) of an angle, rounded to 2⁻²⁰.

    Mathematical libraries differ in the last bit; the rounding makes images equal to the last pixel
    everywhere.
    """
    angle = math.radians(degrees)
    return round(math.cos(angle) * 2**20) / 2**20, round(math.sin(angle) * 2**20) / 2**20
