"""Files that list the color of each class, and VOC's palette."""

from __future__ import annotations

import dataclasses
import os
import re
from collections.abc import Iterable
from pathlib import Path

from zoo.errors import InputError
from zoo.files.file_names import inside, shown
from zoo.files.text_files import numbered_lines
from zoo.tasks.sample_schema import IGNORE

COLOR_FILES = ("labelmap.txt", "class_dict.csv", "label_colors.txt")
"""Files of CVAT and CamVid that are read without `colors=`."""

_HEX = re.compile(r"#([0-9a-fA-F]{6})$")
_COMMENT = re.compile(r"#(?![0-9a-fA-F]{6}\b)")
_THREE = re.compile(r"\d+\s+\d+\s+\d+")
_CVAT = re.compile(r"([^:]+):(\s*\d+\s*,\s*\d+\s*,\s*\d+\s*)(?::|$)")
_HEADERS = {"r", "red", "name", "class", "label", "class_name", "color", "color_rgb"}


@dataclasses.dataclass(frozen=True)
class ClassColors:
    """Colors of the classes.

    Attributes:
        names: class names by class index.
        classes: class index, or `IGNORE`, of each color 0xRRGGBB.
        source: file, or other origin, for messages.
    """

    names: tuple[str, ...]
    classes: dict[int, int]
    source: str

    def named(self, color: int) -> str:
        """Returns the name and the components of a listed color."""
        index = self.classes[color]
        return f"{'ignored' if index == IGNORE else self.names[index]} {rgb(color)}"

    def ignoring(self, names: Iterable[str]) -> ClassColors:
        """Returns the colors with these classes ignored; further classes move up."""
        ignored = set(names)
        kept = tuple(name for name in self.names if name not in ignored)
        index = {i: kept.index(n) if n in kept else IGNORE for i, n in enumerate(self.names)}
        index[IGNORE] = IGNORE
        classes = {color: index[old] for color, old in self.classes.items()}
        return ClassColors(kept, classes, self.source)


def rgb(color: int) -> str:
    """Returns a color 0xRRGGBB as `(r, g, b)`."""
    return f"({color >> 16}, {color >> 8 & 255}, {color & 255})"


def distance(first: int, second: int) -> int:
    """Returns the squared distance of two colors."""
    return sum(((first >> s & 255) - (second >> s & 255)) ** 2 for s in (0, 8, 16))


def find_colors(root: Path, name: str) -> ClassColors | None:
    """Returns the colors of a file in the folder, or of the first of `COLOR_FILES` that exists."""
    if name:
        path = inside(root, name, f"colors={name}")
        if not os.path.isfile(path):
            raise InputError(f"colors={name}: no such file in {shown(root)}; write it there.")
        return read_colors(path)
    paths = (root / usual for usual in COLOR_FILES)
    return next((read_colors(path) for path in paths if os.path.isfile(path)), None)


def read_colors(path: Path) -> ClassColors:
    """Reads lines of a name and a color, in the order of the class indices.

    A line is `name,r,g,b` (also separated by semicolons, tabs or spaces), `r g b name`,
    `name,#rrggbb` or CVAT's `name:r,g,b:parts:actions`; a header and comments after `#` are
    skipped. Colors of one name are one class.
    """
    names: list[str] = []
    classes: dict[int, int] = {}
    lines = [(n, line) for n, line in numbered_lines(path) if not _COMMENT.match(line)]
    for place, (number, line) in enumerate(lines):
        where = f"{shown(path)}: line {number}"
        entry = _entry(line)
        if entry is None:
            if place == 0 and _HEADERS & {word.lower() for word in _words(line)}:
                continue
            raise InputError(
                f"{where}: no name and color in {shown(line[:80])!r}; write name,r,g,b with "
                "numbers from 0 to 255."
            )
        name, color = entry
        if name not in names:
            names.append(name)
        index = names.index(name)
        if classes.setdefault(color, index) != index:
            raise InputError(
                f"{where}: {shown(name)} has the color {rgb(color)} of "
                f"{shown(names[classes[color]])}; give each class its own."
            )
    if not names:
        raise InputError(f"{shown(path)}: no colors; write a line name,r,g,b per class.")
    if len(names) > IGNORE:
        raise InputError(f"{shown(path)}: {len(names)} classes; a class map has at most {IGNORE}.")
    return ClassColors(tuple(names), classes, shown(path))


def _words(line: str) -> list[str]:
    """Returns the fields of a line; one of the form `r g b` counts as three."""
    separator = next((mark for mark in (",", ";", "\t") if mark in line), None)
    fields = (field.strip().strip('"').strip() for field in line.split(separator))
    parts = (field.split() if _THREE.fullmatch(field) else [field] for field in fields if field)
    return [word for part in parts for word in part]


def _entry(line: str) -> tuple[str, int] | None:
    """Returns name and color 0xRRGGBB of a line, or None."""
    cvat = _CVAT.match(line)
    words = [cvat[1], *cvat[2].split(",")] if cvat else _words(line)
    for start in range(len(words)):
        count = 1 if words[start].startswith("#") else 3
        color = _color(words[start : start + count])
        # A number before the name is the class index.
        before = words[1:start] if start > 1 and words[0].isdecimal() else words[:start]
        name = " ".join(before or words[start + count :]).strip()
        if color is not None and name and (not name.isdecimal() or len(words) == start + 3 == 4):
            return name, color
    return None


def _color(words: list[str]) -> int | None:
    """Returns the color of three numbers, or of one hexadecimal one; None for other words."""
    if len(words) == 1 and (found := _HEX.match(words[0])):
        return int(found[1], 16)
    words = [word.strip() for word in words]
    if len(words) != 3 or not all(w.isdecimal() and int(w) < 256 for w in words):
        return None
    red, green, blue = map(int, words)
    return (red << 16) + (green << 8) + blue


def voc_palette() -> list[int]:
    """Returns the 256 colors 0xRRGGBB of Pascal VOC.

    Three bits of the index at a time are the next lower bits of red, green and blue.
    """
    colors = []
    for index in range(256):
        color = 0
        for group in range(3):
            for channel in range(3):
                bit = index >> (3 * group + channel) & 1
                color |= bit << (7 - group) + 8 * (2 - channel)
        colors.append(color)
    return colors
