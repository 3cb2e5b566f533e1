"""Test-time options of segmentation models: tiles, scales and flip."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from typing import Any

from zoo.errors import InputError


@dataclasses.dataclass(frozen=True)
class InferenceOptions:
    """Test-time options of segmentation models; one plain pass by default.

    With several scales, one scale that is not 1, or a flip, the prediction is that of the classes'
    mean probabilities, taken in pixels of the image.

    Attributes:
        tile: (height, width), in pixels of the model input, of tiles that go through the network
            one at a time; None for the whole input. Memory then depends on the tile alone.
        overlap: overlap of neighboring tiles in pixels, at most half a tile; None for a quarter
            of the shorter side. The outermost quarter of an overlap, where a tile lacks context, is
            not used, and the scores are blended linearly over the middle half. Tiles of a network
            of valid convolutions abut, whatever the overlap.
        scales: factors of the model input size at which each image is predicted.
        flip: whether to predict the horizontally flipped image too.

    Raises:
        InputError: if a side, overlap or scale is out of range.
    """

    tile: tuple[int, int] | None = None
    overlap: int | None = None
    scales: tuple[float, ...] = (1.0,)
    flip: bool = False

    def __post_init__(self) -> None:
        if self.tile is not None:
            object.__setattr__(self, "tile", _tile(self.tile))
        object.__setattr__(self, "scales", _scales(self.scales))
        if self.overlap is None:
            return
        if self.tile is None:
            raise InputError("overlap needs a tile; give its size too.")
        if not 0 <= self.overlap <= min(self.tile) // 2:
            raise InputError(
                f"overlap must be in [0, {min(self.tile) // 2}] pixels for tiles of "
                f"{self.tile[0]}x{self.tile[1]}, not {self.overlap}."
            )

    @property
    def plain(self) -> bool:
        """Whether prediction is one plain pass."""
        return self.tile is None and not self.averages

    @property
    def averages(self) -> bool:
        """Whether probabilities are averaged."""
        return self.flip or self.scales != (1.0,)

    @property
    def views(self) -> list[tuple[float, bool]]:
        """Scale, and whether flipped, of each pass."""
        sides = (False, True) if self.flip else (False,)
        return [(scale, flipped) for scale in self.scales for flipped in sides]

    @property
    def overlap_pixels(self) -> int:
        """Overlap of neighboring tiles in pixels, with the default resolved."""
        if self.overlap is not None or self.tile is None:
            return self.overlap or 0
        return min(self.tile) // 4

    def check(self, task: str) -> None:
        """Raises InputError if the options are not for models of `task`."""
        if task != "segmentation" and not self.plain:
            raise InputError(
                f"tile, scales and flip are for segmentation models, not for {task} models."
            )

    def to_dict(self) -> dict[str, Any]:
        """Returns plain values, from which `InferenceOptions(**…)` makes the same options."""
        return {
            "tile": None if self.tile is None else list(self.tile),
            "overlap": None if self.tile is None else self.overlap_pixels,
            "scales": list(self.scales),
            "flip": self.flip,
        }


def _tile(tile: Sequence[int]) -> tuple[int, int]:
    sides = tuple(tile)
    if len(sides) != 2 or any(side != int(side) or side < 1 for side in sides):
        raise InputError(f"tile must be (height, width) in whole pixels, not {tile!r}.")
    return int(sides[0]), int(sides[1])


def _scales(scales: Sequence[float]) -> tuple[float, ...]:
    values = tuple(float(scale) for scale in scales)
    if not values or not all(0.01 <= scale <= 100 and math.isfinite(scale) for scale in values):
        raise InputError(f"scales must be factors such as 0.75, 1 and 1.25, not {tuple(scales)!r}.")
    return values


PLAIN = InferenceOptions()
"""One plain pass."""
