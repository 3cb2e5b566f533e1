"""How a segmentation model is used beyond one plain pass: tiles, several scales, mirroring."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from typing import Any

from zoo.errors import InputError


@dataclasses.dataclass(frozen=True)
class InferenceOptions:
    """Aids at inference; the default is one plain pass.

    Attributes:
        tile: (height, width) in pixels of the pieces in which the canvas goes through the network,
            one at a time; None for the canvas as a whole. What the network needs of memory then
            depends on the tile, not on the image.
        overlap: of neighbouring tiles, in pixels, at most half a tile; None for a quarter of the
            shorter side. The outermost quarter of an overlap, where a tile lacks context, is not
            used, and the scores are blended linearly over the middle half: no seams, and where the
            quarter is as wide as the network looks, the scores of the undivided image. A network
            of valid convolutions takes what its outputs need beyond a tile from the image, or
            from its mirrored border, whatever the overlap, and its outputs abut.
        scales: sizes at which each image is answered, as factors on the canvas.
        flip: also answer the image mirrored left to right.

    With more than one scale or a flip, or one scale that is not 1, the answer is that of the mean
    of the classes' probabilities, taken in pixels of the image.

    Raises:
        InputError: a side, overlap or scale out of range.
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
            raise InputError(f"an overlap of {self.overlap} needs tiles; give a tile size too.")
        if not 0 <= self.overlap <= min(self.tile) // 2:
            raise InputError(
                f"an overlap of {self.overlap} does not go with tiles of "
                f"{self.tile[0]}x{self.tile[1]}; it is from 0 to {min(self.tile) // 2}."
            )

    @property
    def plain(self) -> bool:
        """Whether it is one plain pass."""
        return self.tile is None and not self.averages

    @property
    def averages(self) -> bool:
        """Whether probabilities are averaged."""
        return self.flip or self.scales != (1.0,)

    @property
    def views(self) -> list[tuple[float, bool]]:
        """Scale, and whether mirrored, of each pass."""
        sides = (False, True) if self.flip else (False,)
        return [(scale, mirrored) for scale in self.scales for mirrored in sides]

    @property
    def pixels_of_overlap(self) -> int:
        """The overlap, given or by default."""
        if self.overlap is not None or self.tile is None:
            return self.overlap or 0
        return min(self.tile) // 4

    def check(self, task: str) -> None:
        """Raises InputError if a model of `task` cannot be used so."""
        if task != "segmentation" and not self.plain:
            raise InputError(
                f"tiles, scales and flips are for models of segmentation, not of {task}."
            )

    def to_dict(self) -> dict[str, Any]:
        """As plain values; `InferenceOptions(**…)` takes them back."""
        return {
            "tile": None if self.tile is None else list(self.tile),
            "overlap": None if self.tile is None else self.pixels_of_overlap,
            "scales": list(self.scales),
            "flip": self.flip,
        }


def _tile(tile: Sequence[int]) -> tuple[int, int]:
    sides = tuple(tile)
    if len(sides) != 2 or any(side != int(side) or side < 1 for side in sides):
        raise InputError(f"a tile is (height, width) in whole pixels, not {tile!r}.")
    return int(sides[0]), int(sides[1])


def _scales(scales: Sequence[float]) -> tuple[float, ...]:
    values = tuple(float(scale) for scale in scales)
    if not values or not all(0.01 <= scale <= 100 and math.isfinite(scale) for scale in values):
        raise InputError(f"scales are factors such as 0.75, 1 and 1.25, not {tuple(scales)!r}.")
    return values


PLAIN = InferenceOptions()
"""One plain pass."""
