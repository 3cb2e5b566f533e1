"""Quantiles of a stream of values in bounded memory."""

from __future__ import annotations

from array import array

import numpy as np
from numpy.typing import ArrayLike

LEVELS = {"5%": 0.05, "25%": 0.25, "50%": 0.5, "75%": 0.75, "95%": 0.95}


class Quantiles:
    """Collects numbers: all of them up to a limit, then every second, every fourth, …

    Args:
        limit: maximum number of stored values; the quantiles are exact up to that many.
    """

    def __init__(self, limit: int = 500_000):
        self.limit = limit
        self.values = array("d")
        self.count = 0
        self.step = 1
        self.low, self.high = np.inf, -np.inf

    def add(self, values: ArrayLike) -> None:
        """Adds numbers; those that are not finite are ignored."""
        numbers = np.asarray(values, np.float64)
        numbers = numbers[np.isfinite(numbers)]
        if not numbers.size:
            return
        self.low, self.high = min(self.low, numbers.min()), max(self.high, numbers.max())
        self.values.frombytes(numbers[-self.count % self.step :: self.step].tobytes())
        self.count += numbers.size
        while len(self.values) > self.limit:
            self.values = self.values[::2]
            self.step *= 2

    def summary(self) -> dict[str, float] | None:
        """Returns `min`, `5%`, `25%`, `50%`, `75%`, `95%` and `max`; None without numbers."""
        if not self.count:
            return None
        values = np.quantile(np.frombuffer(self.values), list(LEVELS.values()))
        inner = {name: round(float(v), 6) for name, v in zip(LEVELS, values, strict=True)}
        return {"min": round(float(self.low), 6), **inner, "max": round(float(self.high), 6)}
