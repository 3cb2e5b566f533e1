"""What to vary in training, as one checked record of ranges."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from training.augment.sampling import REFLECT, Fill
from zoo.errors import InputError, nearest

PROBABILITIES = ("flip_horizontal", "flip_vertical", "min_kept")
FRACTIONS = ("translate", "brightness", "contrast", "saturation", "hue", "gamma")
AMOUNTS = ("elastic", "noise", "blur")
ANGLES = {"rotate": 180.0, "shear": 80.0}


@dataclasses.dataclass(frozen=True)
class Augmentation:
    """Ranges of random change; the defaults change nothing.

    Attributes:
        flip_horizontal, flip_vertical: probability of mirroring, 0 to 1.
        rotate: largest turn in degrees to either side, 0 to 180.
        shear: largest shear in degrees to either side, 0 to 80.
        scale: smallest and largest zoom about the centre, drawn evenly in octaves.
        translate: largest shift as a fraction of the placed picture's sides, 0 to 1.
        elastic: standard deviation of U-Net's elastic deformation in pixels; 0 = off.
        brightness: largest shift as a fraction of the full range, 0 to 1.
        contrast, saturation: largest relative change; 0.2 draws a factor from 0.8 to 1.2.
        gamma: as contrast, for the exponent.
        hue: largest turn as a fraction of the colour circle, 0 to 1.
        noise: largest standard deviation of added noise in grey levels of 255.
        blur: largest standard deviation of Gaussian blur in pixels.
        fill: what the picture shows outside: a number, one per channel, or "reflect".
        min_kept: fraction of a box that must stay on the canvas, else the object is dropped.

    Raises InputError on a value out of its range.
    """

    flip_horizontal: float = 0.0
    flip_vertical: float = 0.0
    rotate: float = 0.0
    shear: float = 0.0
    scale: tuple[float, float] = (1.0, 1.0)
    translate: float = 0.0
    elastic: float = 0.0
    brightness: float = 0.0
    contrast: float = 0.0
    gamma: float = 0.0
    saturation: float = 0.0
    hue: float = 0.0
    noise: float = 0.0
    blur: float = 0.0
    fill: Fill = 0.0
    min_kept: float = 0.25

    def __post_init__(self) -> None:
        limits = {**dict.fromkeys((*PROBABILITIES, *FRACTIONS), 1.0), **ANGLES}
        for name in (*limits, *AMOUNTS):
            limit = limits.get(name, float("inf"))
            value = getattr(self, name)
            if not _is_number(value) or not 0 <= value <= limit:
                form = "0 or more" if limit == float("inf") else f"from 0 to {limit:g}"
                raise InputError(f"augmentation {name} must be a number {form}, not {value!r}")
        if not _is_range(self.scale):
            raise InputError(
                f"augmentation scale must be (smallest, largest), both above 0, not {self.scale!r}"
            )
        if not _is_fill(self.fill):
            raise InputError(
                "augmentation fill must be a number, one number per channel or "
                f"{REFLECT!r}, not {self.fill!r}"
            )
        # A tuple keeps the policy hashable when it was read from a file.
        object.__setattr__(self, "scale", tuple(self.scale))
        if isinstance(self.fill, list):
            object.__setattr__(self, "fill", tuple(self.fill))

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Augmentation:
        """The policy with the given fields; raises InputError on a field that does not exist."""
        known = [field.name for field in dataclasses.fields(cls)]
        for name in values:
            if name not in known:
                hint = nearest(name, known) or f"; there are {', '.join(known)}"
                raise InputError(f"augmentation has no field {name!r}{hint}")
        return cls(**values)

    @property
    def reflects(self) -> bool:
        """Whether a sample may be mirrored."""
        return self.flip_horizontal > 0 or self.flip_vertical > 0


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _is_range(value: Any) -> bool:
    pair = isinstance(value, (tuple, list)) and len(value) == 2 and all(map(_is_number, value))
    return pair and 0 < value[0] <= value[1] < float("inf")


def _is_fill(value: Any) -> bool:
    if isinstance(value, (tuple, list)):
        return len(value) > 0 and all(map(_is_number, value))
    return value == REFLECT or _is_number(value)
