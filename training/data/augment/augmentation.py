"""What to vary in training, as one checked record of ranges."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from training.data.augment.resampling import REFLECT, Fill
from zoo.errors import InputError, nearest

JOINS = ("mosaic", "mixup", "copy_paste")
PROBABILITIES = ("flip_horizontal", "flip_vertical", "min_kept", "grey", "erase", *JOINS)
FRACTIONS = ("translate", "brightness", "contrast", "saturation", "hue", "gamma")
AMOUNTS = ("elastic", "noise", "blur")
ANGLES = {"rotate": 180.0, "shear": 80.0}
CROPS = ("none", "random", "min_iou", "object")
# Largest end of each range; the smallest is above 0.
RANGES = {
    "scale": float("inf"),
    "scale_jitter": float("inf"),
    "crop_sides": 1.0,
    "erase_area": 1.0,
}


@dataclasses.dataclass(frozen=True)
class Augmentation:
    """Ranges of random change; the defaults change nothing.

    Attributes:
        flip_horizontal, flip_vertical: probability of mirroring, 0 to 1.
        rotate: largest turn in degrees to either side, 0 to 180.
        shear: largest shear in degrees to either side, 0 to 80.
        scale: smallest and largest zoom about the centre, drawn evenly in octaves.
        scale_jitter: large-scale jitter: smallest and largest zoom, drawn evenly; the canvas is
            then a window of random place on the image, or the image lies at a random place of
            the canvas (Ghiasi et al., "Simple Copy-Paste", CVPR 2021: 0.1 to 2).
        crop: window of the image that is placed: "none" = all of it, "random", "min_iou" as in
            SSD, "object" = one that holds an object as a whole; see `training.data.augment.crops`.
        crop_sides: smallest and largest side of that window, as fractions of the image's.
        translate: largest shift as a fraction of the placed image's sides, 0 to 1.
        elastic: standard deviation of U-Net's elastic deformation in pixels; 0 = off.
        brightness: largest shift as a fraction of the full range, 0 to 1.
        contrast, saturation: largest relative change; 0.2 draws a factor from 0.8 to 1.2.
        gamma: as contrast, for the exponent.
        hue: largest turn as a fraction of the colour circle, 0 to 1.
        grey: probability of an image without colour, 0 to 1.
        noise: largest standard deviation of added noise in grey levels of 255.
        blur: largest standard deviation of Gaussian blur in pixels.
        fill: what the image shows outside: a number, one per channel, or "reflect".
        min_kept: fraction of an object that must stay in sight, else it is dropped: of its box on
            the canvas and beside a cut-out, of its mask behind pasted objects.
        erase: probability of a cut-out rectangle, 0 to 1.
        erase_area: its smallest and largest area, as fractions of the canvas.
        erase_fill: what it is painted with: a number or one per channel.
        erase_ignore: whether class maps ignore what was cut out.
        mosaic: probability that four images share the canvas, see
            `training.data.augment.combining`.
        mixup: probability that two images are blended into one.
        mixup_alpha: their shares come from Beta(alpha, alpha); the larger, the nearer to even.
        copy_paste: probability that objects of another image are pasted by their masks.

    At most one of `mosaic`, `mixup` and `copy_paste` happens to a sample; they sum to 1 at most.
    Raises InputError on a value out of its range.
    """

    flip_horizontal: float = 0.0
    flip_vertical: float = 0.0
    rotate: float = 0.0
    shear: float = 0.0
    scale: tuple[float, float] = (1.0, 1.0)
    scale_jitter: tuple[float, float] = (1.0, 1.0)
    crop: str = "none"
    crop_sides: tuple[float, float] = (0.3, 1.0)
    translate: float = 0.0
    elastic: float = 0.0
    brightness: float = 0.0
    contrast: float = 0.0
    gamma: float = 0.0
    saturation: float = 0.0
    hue: float = 0.0
    grey: float = 0.0
    noise: float = 0.0
    blur: float = 0.0
    fill: Fill = 0.0
    min_kept: float = 0.25
    erase: float = 0.0
    erase_area: tuple[float, float] = (0.02, 0.2)
    erase_fill: float | tuple[float, ...] = 0.0
    erase_ignore: bool = False
    mosaic: float = 0.0
    mixup: float = 0.0
    mixup_alpha: float = 8.0
    copy_paste: float = 0.0

    def __post_init__(self) -> None:
        limits = {**dict.fromkeys((*PROBABILITIES, *FRACTIONS), 1.0), **ANGLES}
        for name in (*limits, *AMOUNTS):
            limit = limits.get(name, float("inf"))
            value = getattr(self, name)
            if not _is_number(value) or not 0 <= value <= limit:
                form = "0 or more" if limit == float("inf") else f"from 0 to {limit:g}"
                raise InputError(f"augmentation {name} must be a number {form}, not {value!r}")
        for name, limit in RANGES.items():
            if not _is_range(getattr(self, name), limit):
                form = "" if limit == float("inf") else f" and at most {limit:g}"
                raise InputError(
                    f"augmentation {name} must be (smallest, largest), both above 0{form}, "
                    f"not {getattr(self, name)!r}"
                )
            # A tuple keeps the policy hashable when it was read from a file.
            object.__setattr__(self, name, tuple(map(float, getattr(self, name))))
        self._check_fills_and_joins()

    def _check_fills_and_joins(self) -> None:
        for name, words in (("fill", f" or {REFLECT!r}"), ("erase_fill", "")):
            value = getattr(self, name)
            if not _is_fill(value) and not (words and value == REFLECT):
                raise InputError(
                    f"augmentation {name} must be a number, one number per channel{words}, "
                    f"not {value!r}"
                )
            if isinstance(value, list):
                object.__setattr__(self, name, tuple(value))
        if self.crop not in CROPS:
            raise InputError(
                f"augmentation crop must be one of {', '.join(CROPS)}, not {self.crop!r}"
            )
        if not isinstance(self.erase_ignore, bool):
            raise InputError(
                f"augmentation erase_ignore must be true or false, not {self.erase_ignore!r}"
            )
        if not _is_number(self.mixup_alpha) or not 0 < self.mixup_alpha < float("inf"):
            raise InputError(
                f"augmentation mixup_alpha must be a number above 0, not {self.mixup_alpha!r}"
            )
        total = sum(getattr(self, name) for name in JOINS)
        if total > 1:
            raise InputError(
                f"augmentation {', '.join(JOINS)} must sum to 1 at most, not {total:g}; only one "
                "of them happens to a sample"
            )

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


def _is_range(value: Any, limit: float) -> bool:
    pair = isinstance(value, (tuple, list)) and len(value) == 2 and all(map(_is_number, value))
    return pair and 0 < value[0] <= value[1] <= limit and value[1] < float("inf")


def _is_fill(value: Any) -> bool:
    if isinstance(value, (tuple, list)):
        return len(value) > 0 and all(map(_is_number, value))
    return _is_number(value)
