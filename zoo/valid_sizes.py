"""Input sizes of networks of valid convolutions."""

from __future__ import annotations

import dataclasses

from keras import ops


@dataclasses.dataclass(frozen=True)
class ValidSizes:
    """Input sizes of a network of valid convolutions, and its loss at the borders.

    A legal input side is `base + step·m`; the output is `margin` pixels smaller on every side.
    """

    base: int
    step: int
    margin: int

    def legal(self, side: int) -> bool:
        """Whether `side` is a legal input side."""
        return side >= self.base and (side - self.base) % self.step == 0

    def covering(self, side):
        """Returns the smallest legal input side whose output has at least `side` pixels."""
        steps = -((self.base - side - 2 * self.margin) // self.step)
        return self.base + self.step * (
            max(0, steps) if isinstance(side, int) else ops.maximum(0, steps)
        )

    def nearest(self, side: int) -> str:
        """Returns the nearest legal sides, for an error message."""
        if side <= self.base:
            return str(self.base)
        below = side - (side - self.base) % self.step
        return str(side) if below == side else f"{below} or {below + self.step}"
