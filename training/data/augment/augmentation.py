"""The ranges of random augmentation, as one validated dataclass."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from zoo.argument_checks import check_choice
from zoo.errors import InputError, nearest

Fill = float | Sequence[float] | str
REFLECT, EDGE = "reflect", "edge"
RESIZE_RULES = ("letterbox", "stretch", "crop")
CROPS = ("none", "random", "min_iou", "object")
MIXES = ("mosaic", "mixup", "copy_paste")
"""Augmentations that mix several samples; at most one of them is applied to a sample."""

_FRACTIONS = (
    *("flip_horizontal", "flip_vertical", "min_visible", "grey", "erase", *MIXES),
    *("translate", "brightness", "contrast", "saturation", "hue", "gamma"),
)
_LIMITS = {
    **dict.fromkeys(_FRACTIONS, 1.0),
    **dict.fromkeys(("elastic", "noise", "blur"), math.inf),
    **{"rotate": 180.0, "shear": 80.0},
}
# Largest end of each range; the smallest is above 0.
_RANGES = {"scale": math.inf, "scale_jitter": math.inf, "crop_sides": 1.0, "erase_area": 1.0}
# Keys of a single image, and keys that are undefined where two images are blended.
_SINGLE = ("label", "box", "keypoints", "proposals")
_UNBLENDABLE = ("segmentation", "instances")


@dataclasses.dataclass(frozen=True)
class Augmentation:
    """Ranges of random augmentation; the defaults change nothing.

    Attributes:
        flip_horizontal: probability of a left-right flip, in [0, 1].
        flip_vertical: probability of a top-bottom flip, in [0, 1].
        rotate: largest rotation to either side in degrees, in [0, 180].
        shear: largest shear to either side in degrees, in [0, 80].
        scale: smallest and largest zoom about the center, log-uniform.
        scale_jitter: smallest and largest zoom of large-scale jitter, uniform; the zoomed image is
            randomly cropped or randomly placed on the model input (Ghiasi et al., "Simple
            Copy-Paste", CVPR 2021: 0.1 to 2).
        crop: random crop before the resize: `"none"`, `"random"`, `"min_iou"` as in SSD, or
            `"object"` around a whole object; see `training.data.augment.crops`.
        crop_sides: smallest and largest side of the crop, as fractions of the image's sides.
        translate: largest shift as a fraction of the resized image's sides, in [0, 1].
        elastic: standard deviation of U-Net's elastic deformation in pixels (0 disables it).
        brightness: largest shift as a fraction of the full range, in [0, 1].
        contrast: largest relative change, in [0, 1]; 0.2 draws a factor from 0.8 to 1.2.
        gamma: largest relative change of the exponent, in [0, 1].
        saturation: largest relative change, in [0, 1].
        hue: largest shift as a fraction of the color circle, in [0, 1].
        grey: probability of conversion to grey, in [0, 1].
        noise: largest standard deviation of additive noise, in grey levels of 255.
        blur: largest standard deviation of Gaussian blur in pixels.
        fill: value outside the image: a number, one number per channel, or `"reflect"`.
        min_visible: smallest visible fraction of an object, below which it is dropped: of its box
            at the border and under an erased rectangle, of its mask under pasted objects.
        erase: probability of an erased rectangle, in [0, 1].
        erase_area: smallest and largest area of the rectangle, as fractions of the model input.
        erase_fill: value of the rectangle: a number, or one number per channel.
        erase_ignore: whether segmentation maps are 255 (ignored) in the rectangle.
        mosaic: probability of a mosaic of four images, see `training.data.augment.sample_mixing`.
        mixup: probability of a blend of two images.
        mixup_alpha: alpha of the Beta(alpha, alpha) distribution of mixup's blending factor.
        copy_paste: probability of pasting objects of another image by their masks.

    At most one of `mosaic`, `mixup` and `copy_paste` is applied to a sample, so their sum is at
    most 1.

    Raises:
        InputError: if a value is out of its range.
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
    min_visible: float = 0.25
    erase: float = 0.0
    erase_area: tuple[float, float] = (0.02, 0.2)
    erase_fill: float | tuple[float, ...] = 0.0
    erase_ignore: bool = False
    mosaic: float = 0.0
    mixup: float = 0.0
    mixup_alpha: float = 8.0
    copy_paste: float = 0.0

    def __post_init__(self) -> None:
        for name, limit in _LIMITS.items():
            good = _is_number(value := getattr(self, name)) and 0 <= value <= limit
            end = "of at least 0" if limit == math.inf else f"in [0, {limit:g}]"
            self._require(name, good, f"a number {end}")
        for name, limit in _RANGES.items():
            end = "" if limit == math.inf else f" and at most {limit:g}"
            good = _is_range(getattr(self, name), limit)
            self._require(name, good, f"(smallest, largest), both above 0{end}")
            # A tuple keeps the dataclass hashable when it was read from a file.
            object.__setattr__(self, name, tuple(map(float, getattr(self, name))))
        for name, values in (("fill", (REFLECT,)), ("erase_fill", ())):
            value = getattr(self, name)
            also = "".join(f" or {one!r}" for one in values)
            good = _is_fill(value) or value in values
            self._require(name, good, f"a number, one number per channel{also}")
            if isinstance(value, list):
                object.__setattr__(self, name, tuple(value))
        check_choice("augmentation.crop", self.crop, CROPS)
        self._require("erase_ignore", isinstance(self.erase_ignore, bool), "true or false")
        alpha = self.mixup_alpha
        self._require("mixup_alpha", _is_number(alpha) and 0 < alpha < math.inf, "above 0")
        total = sum(getattr(self, name) for name in MIXES)
        if total > 1:
            raise InputError(
                f"augmentation: the sum of {', '.join(MIXES)} must be at most 1, not {total:g}."
            )

    def _require(self, name: str, good: bool, right: str) -> None:
        if not good:
            raise InputError(f"augmentation.{name} must be {right}, not {getattr(self, name)!r}.")

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Augmentation:
        """Returns the augmentation with the given fields; raises InputError for unknown ones."""
        known = [field.name for field in dataclasses.fields(cls)]
        for name in [name for name in values if name not in known]:
            hint = nearest(name, known)
            raise InputError(
                f"augmentation: unknown field {name!r}{hint} Available: {', '.join(known)}."
            )
        return cls(**values)

    @property
    def flips(self) -> bool:
        """Whether a sample may be flipped."""
        return self.flip_horizontal > 0 or self.flip_vertical > 0

    @property
    def mixes(self) -> tuple[str, ...]:
        """Those of `MIXES` with a probability above 0."""
        return tuple(name for name in MIXES if getattr(self, name) > 0)

    @property
    def num_partners(self) -> int:
        """Number of further samples that one sample may be mixed with: 3, 1 or 0."""
        return 3 if self.mosaic > 0 else min(1, len(self.mixes))

    @property
    def lost_keys(self) -> dict[str, tuple[str, ...]]:
        """By each of `mixes`, the keys that a mixed sample cannot have."""
        return {name: (*_SINGLE, *(_UNBLENDABLE if name == "mixup" else ())) for name in self.mixes}

    def check_keys(self, targets: Collection[str], keys: Collection[str]) -> None:
        """Raises InputError if mixing removes a target, or the data set lacks a required key."""
        for name, lost in self.lost_keys.items():
            for key in targets:
                # Keypoints of the objects stay with their boxes.
                if key in lost and (key != "keypoints" or "boxes" not in targets):
                    raise InputError(
                        f"augmentation.{name}: a mixed image has no {key}, which the model is "
                        f"trained on; set augmentation.{name}=0."
                    )
        if self.copy_paste > 0 and "masks" not in keys:
            raise InputError(
                "augmentation.copy_paste: this data set has no masks of objects; set "
                "augmentation.copy_paste=0."
            )
        if self.crop in ("min_iou", "object") and not {"boxes", "box"} & set(keys):
            raise InputError(
                f"augmentation.crop={self.crop!r}: this data set has no boxes; use 'random' or "
                "'none'."
            )


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _is_range(value: Any, limit: float) -> bool:
    pair = isinstance(value, (tuple, list)) and len(value) == 2 and all(map(_is_number, value))
    return pair and 0 < value[0] <= value[1] <= limit and value[1] < math.inf


def _is_fill(value: Any) -> bool:
    if isinstance(value, (tuple, list)):
        return len(value) > 0 and all(map(_is_number, value))
    return _is_number(value)
