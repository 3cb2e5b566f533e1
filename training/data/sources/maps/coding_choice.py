"""The choice of how masks are read, from their values and the options."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from training.data.sources.maps.class_colors import ClassColors, rgb, voc_palette
from training.data.sources.maps.mask_coding import MaskCoding, listed
from training.data.sources.maps.mask_diagnosis import (
    are_instances,
    different_palettes,
    grey_levels,
    has_wide_gaps,
    is_mixed,
    rare_value,
    suggested_values,
    unused_numbers,
)
from training.data.sources.maps.mask_options import MaskOptions
from training.data.sources.maps.mask_probe import ProbedMask
from zoo.errors import InputError
from zoo.files.file_names import shown
from zoo.tasks.sample_schema import IGNORE


@dataclasses.dataclass
class Choice:
    """How masks are read.

    Attributes:
        coding: class of each value or color.
        notes: remarks for the user.
        defects: problem and remedy of what makes the reading doubtful.
    """

    coding: MaskCoding
    notes: list[str] = dataclasses.field(default_factory=list)
    defects: list[tuple[str, str]] = dataclasses.field(default_factory=list)


def choose_coding(masks: Sequence[ProbedMask], options: MaskOptions) -> Choice:
    """Returns how to read masks; raises InputError if their values cannot be class numbers."""
    ignored = dict.fromkeys(options.void, IGNORE)
    if options.threshold is not None:
        names = options.classes or ("background", "object")
        return Choice(MaskCoding(names, ignored, threshold=options.threshold))
    if options.values:
        return _of_values(masks, options, ignored)
    if options.stated_colors and options.colors:
        return Choice(MaskCoding.of_colors(options.colors, options.classes, options.unlisted))
    if _are_colors(masks, options):
        return _of_colors(masks, options)
    return _Indices(masks, options).choice()


def _are_colors(masks: Sequence[ProbedMask], options: MaskOptions) -> bool:
    """Returns whether masks are colored, not only a few of them by mistake."""
    colored = sum(mask.is_color for mask in masks)
    known = options.colors.classes.keys() if options.colors else set(voc_palette())
    plain = all(mask.is_color or mask.colors.keys() <= known for mask in masks)
    return colored > 0 and (plain or 2 * colored > len(masks))


def _of_values(
    masks: Sequence[ProbedMask], options: MaskOptions, ignored: dict[int, int]
) -> Choice:
    classes = {value: index for index, value in enumerate(options.values)}
    void = options.void
    if (
        IGNORE not in classes
        and any(IGNORE in m.values for m in masks)
        and not is_mixed(masks, void)
    ):
        ignored = {**ignored, IGNORE: IGNORE}
    names = options.classes or tuple(map(str, options.values))
    return Choice(MaskCoding(names, {**ignored, **classes}, unlisted=options.unlisted))


def _of_colors(masks: Sequence[ProbedMask], options: MaskOptions) -> Choice:
    """Returns how to read color masks without `colors=`: by a usual file, or by VOC's palette."""
    if options.colors is not None:
        coding = MaskCoding.of_colors(options.colors, options.classes, options.unlisted)
        return Choice(coding, [f"masks are read by the colors of {options.colors.source}."])
    found: dict[int, int] = {}
    for mask in masks:
        for color, count in mask.colors.items():
            found[color] = found.get(color, 0) + count
    palette = {color: index for index, color in enumerate(voc_palette())}
    indices = sorted(palette[color] for color in found if color in palette)
    if len(indices) < len(found):
        common = sorted(found, key=lambda color: -found[color])[:6]
        texts = [f"{rgb(color)} in {found[color]} pixels" for color in common]
        more = f" and {len(found) - len(common)} more" if len(found) > len(common) else ""
        raise InputError(
            f"{shown(options.root)}: color masks with {', '.join(texts)}{more}; list the color of "
            "each class in a file, one line name,r,g,b each, and add ?colors=FILE."
        )
    highest = max([i for i in indices if i != IGNORE], default=0)
    names = options.classes or tuple(map(str, range(highest + 1)))
    classes = {color: i for color, i in palette.items() if i < len(names) or i == IGNORE}
    colors = ClassColors(names, classes, "VOC's palette")
    coding = MaskCoding.of_colors(colors, names, options.unlisted)
    remedy = "name more classes with classes=…, or list the colors in a file and add colors=FILE"
    note = "masks are read by the colors of VOC's palette; other colors need colors=FILE."
    return Choice(dataclasses.replace(coding, remedy=remedy), [note])


class _Indices:
    """Masks whose values are class numbers, unless the checks find otherwise."""

    def __init__(self, masks: Sequence[ProbedMask], options: MaskOptions):
        self.options = options
        self.masks = self._without_lossy(masks)
        self.void, self.names = options.void, options.classes
        self.root = shown(options.root)
        present = set().union(*(mask.values for mask in self.masks))
        self.values = sorted(present - self.void)
        self.numbers = [value for value in self.values if value != IGNORE]

    def choice(self) -> Choice:
        if not self.numbers:
            raise InputError(
                f"{self.root}: every pixel of the masks is ignored (value "
                f"{listed(self.values or self.void)}); if 255 is a class, add ?values=0,255."
            )
        if self.values == [0, IGNORE]:
            return self._two_valued()
        self._check_edges()
        choice = Choice(self._coding())
        self._check_mixed(choice)
        if text := different_palettes(self.masks):
            remedy = "list the colors of the classes in a file and add colors=FILE"
            choice.defects.append((f"palettes of masks differ: {text}", remedy))
        if not self.names:
            self._check_gaps(choice)
            if are_instances(self.masks, self.void):
                choice.defects.append(
                    (
                        "each mask numbers its objects from 1, as instance maps do",
                        f"open instance maps as instances:{self.root}, or name the classes with "
                        "classes=…",
                    )
                )
        return choice

    def _coding(self) -> MaskCoding:
        highest = max(self.numbers)
        if highest > IGNORE:
            raise InputError(
                f"{self.root}: mask values go up to {highest}, but a class map ends at 254; if "
                f"every object has its own value, use instances:{self.root}, else "
                f"{suggested_values(self.values)}."
            )
        count = len(self.names) or highest + 1
        classes = {value: value for value in range(count)}
        if IGNORE in self.values:
            classes[IGNORE] = IGNORE
        classes |= dict.fromkeys(self.void, IGNORE)
        remedy = "name more classes with classes=…, or set void=… for an ignored value"
        names = self.names or tuple(map(str, range(count)))
        return MaskCoding(names, classes, unlisted=self.options.unlisted, remedy=remedy)

    def _without_lossy(self, masks: Sequence[ProbedMask]) -> list[ProbedMask]:
        """Returns the masks without JPEG files, whose values are not exact."""
        lossy = [mask for mask in masks if mask.lossy]
        if self.options.unlisted == "nearest":
            return list(masks)
        if 2 * len(lossy) > len(masks):
            raise InputError(
                f"{shown(lossy[0].path)}: JPEG changes class indices; save masks as PNG, or make "
                "two classes with ?threshold=128, or more with ?values=… and unlisted=nearest."
            )
        return [mask for mask in masks if not mask.lossy]

    def _two_valued(self) -> Choice:
        if len(self.names) not in (0, 2):
            raise InputError(
                f"{self.root}: masks contain only 0 and 255, but classes names "
                f"{len(self.names)}; name both, or add void=255 if 255 is ignored."
            )
        remedy = "list the values with values=…, or make two classes with threshold=…"
        coding = MaskCoding(
            self.names or ("0", "255"),
            {0: 0, IGNORE: 1, **dict.fromkeys(self.void, IGNORE)},
            unlisted=self.options.unlisted,
            remedy=remedy,
        )
        note = "masks contain only 0 and 255, which are read as classes 0 and 1."
        return Choice(coding, [note])

    def _check_edges(self) -> None:
        if self.names and max(self.numbers) < len(self.names):
            return
        levels = grey_levels(self.masks, self.void) if len(self.values) > 4 else []
        if not levels:
            return
        if len(levels) == 2:
            remedy = f"?threshold={(levels[0] + levels[1] + 1) // 2} makes two classes of them"
        else:
            remedy = f"{suggested_values(levels)}, with unlisted=nearest for the others"
        raise InputError(
            f"{self.root}: mask values {listed(self.values)} are not class numbers but grey edges "
            f"between {listed(levels)}, from resizing or antialiasing; {remedy}."
        )

    def _check_mixed(self, choice: Choice) -> None:
        if IGNORE in self.void or not is_mixed(self.masks, self.void):
            return
        problem = f"255 is never in one mask with other values than 0 ({listed(self.numbers)})"
        if max(self.numbers) == 1:
            raise InputError(
                f"{self.root}: some masks contain 0 and 1, others 0 and 255; ?threshold=1 makes "
                "two classes of both, ?void=255 ignores 255."
            )
        remedy = "add void=255 if 255 is ignored, else save the masks with class numbers"
        choice.defects.append((problem, remedy))

    def _check_gaps(self, choice: Choice) -> None:
        unused = unused_numbers(self.numbers)
        if not unused:
            return
        indexed = any(mask.palette for mask in self.masks)
        if has_wide_gaps(self.numbers) and not indexed:
            two = f", ?threshold={self.values[1]} two" if len(self.values) > 2 else ""
            raise InputError(
                f"{self.root}: mask values {listed(self.values)}"
                f"{rare_value(self.masks, self.numbers)} are not class numbers, which run from 0 "
                f"without gaps; {suggested_values(self.values)}{two}; or name all classes "
                "with ?classes=…."
            )
        # Value 0 is missing by intent where it is ignored.
        if unused > len(self.void & set(range(max(self.numbers)))) and len(self.numbers) > 1:
            choice.defects.append(
                (
                    f"mask values {listed(self.numbers)} leave {unused} of the classes 0 to "
                    f"{max(self.numbers)} without a pixel",
                    f"{suggested_values(self.numbers)}, or name all classes with classes=…",
                )
            )
