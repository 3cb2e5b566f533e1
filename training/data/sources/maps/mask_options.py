"""Options of `masks:` that state what the values or colors of the masks mean."""

from __future__ import annotations

import dataclasses
import os
from pathlib import Path

from training.data.sources.maps.class_colors import ClassColors, find_colors
from training.data.sources.maps.class_table import read_class_table
from training.data.sources.reading.options import read_names, read_whole_number
from zoo.argument_checks import check_choice
from zoo.errors import InputError, nearest
from zoo.files.file_names import inside, shown
from zoo.files.text_files import numbered_lines
from zoo.tasks.sample_schema import IGNORE

UNLISTED = ("error", "ignore", "nearest")


@dataclasses.dataclass(frozen=True)
class MaskOptions:
    """Options of `masks:`; see `MaskFolder`.

    Attributes:
        root: the data folder.
        void: ignored values.
        classes: class names; empty if not given.
        values: value of each class; empty if not given.
        threshold: lowest value of class 1; None if not given.
        colors: colors of the classes; None without a file of colors.
        stated_colors: whether the file of colors is given, not merely found.
        unlisted: `error`, `ignore` or `nearest`.
    """

    root: Path
    void: frozenset[int] = frozenset()
    classes: tuple[str, ...] = ()
    values: tuple[int, ...] = ()
    threshold: int | None = None
    colors: ClassColors | None = None
    stated_colors: bool = False
    unlisted: str = "error"


def read_mask_options(
    root: Path,
    void: str = "",
    classes: str = "",
    values: str = "",
    threshold: str = "",
    colors: str = "",
    unlisted: str = "error",
) -> MaskOptions:
    """Returns the checked options; raises InputError if one is wrong, or two exclude each other."""
    given = [name for name, text in (("values", values), ("threshold", threshold)) if text]
    if len(given := [*given, *(["colors"] if colors else [])]) > 1:
        raise InputError(f"{' and '.join(given)} exclude each other; give one.")
    found = find_colors(root, colors) if colors or not given else None
    table = {} if given or classes or found else read_class_table(root)
    if list(table) != list(range(len(table))):
        values = ",".join(map(str, table))
    if colors and found:
        found = _without_void(found, read_names(void))
    options = MaskOptions(
        root,
        frozenset() if colors else _numbers("void", void),
        read_classes(root, classes) or tuple(table.values()),
        tuple(_numbers_in_order("values", values)),
        read_whole_number("threshold", threshold, 1, 65535) if threshold else None,
        found,
        bool(colors),
        check_choice("unlisted", unlisted, UNLISTED),
    )
    _check(options)
    return options


def _check(options: MaskOptions) -> None:
    count = len(options.classes)
    if both := options.void & set(options.values):
        raise InputError(f"values and void both list {min(both)}; remove it from one.")
    if len(options.values) > IGNORE:
        raise InputError(f"values lists {len(options.values)} values; the limit is {IGNORE}.")
    expected = len(options.values) or (2 if options.threshold is not None else count)
    if options.stated_colors and options.colors:
        expected = len(options.colors.names)
    if count and count != expected:
        raise InputError(f"classes names {count} classes, but there are {expected}; name each.")


def _without_void(colors: ClassColors, names: list[str]) -> ClassColors:
    for name in names:
        if name not in colors.names:
            raise InputError(
                f"void={name}: no such class in {colors.source}{nearest(name, colors.names)} "
                "With colors, void is the name of a class."
            )
    return colors.ignoring(names)


def read_classes(root: Path, text: str) -> tuple[str, ...]:
    """Returns class names from `a,b,c`, a text file with a name per line, or a number of classes.

    A text is a file if the data folder has it.
    """
    names = read_names(text)
    if len(names) == 1 and not names[0].isdecimal():
        path = root / names[0]
        if path.suffix and os.path.isfile(path):
            path = inside(root, names[0], f"classes={text}")
            names = [line for _, line in numbered_lines(path)]
    elif len(names) == 1:
        return tuple(map(str, range(read_whole_number("classes", names[0], 1, IGNORE))))
    if len(names) > IGNORE:
        raise InputError(f"classes names {len(names)} classes; a class map has at most {IGNORE}.")
    repeated = next((name for name in names if names.count(name) > 1), None)
    if repeated is not None:
        raise InputError(f"classes names {shown(repeated)!r} twice; give each class its own name.")
    return tuple(names)


def _numbers(option: str, text: str) -> frozenset[int]:
    return frozenset(_numbers_in_order(option, text))


def _numbers_in_order(option: str, text: str) -> list[int]:
    numbers = [read_whole_number(option, word, 0, 65535) for word in read_names(text)]
    if len(set(numbers)) < len(numbers):
        raise InputError(f"{option} lists a value twice; remove one.")
    return numbers
