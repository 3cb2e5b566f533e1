"""Darknet's `.cfg` files: a network, section by section, made into a model of the zoo."""

from __future__ import annotations

import math
import os
import re
from pathlib import Path
from typing import Any

import zoo
from zoo.darknet.cfg_options import (
    ALIASES,
    FIXED,
    FLAG,
    FLOAT,
    FLOATS,
    IGNORED,
    INT,
    INTS,
    KINDS,
    RANGES,
    REQUIRED,
    TEXT,
)
from zoo.darknet.weight_files import read_weights
from zoo.errors import InputError, nearest
from zoo.files.text_files import read_text
from zoo.model import Model

_LARGEST = 2_000_000
_FORMS = {
    INT: "a whole number",
    FLOAT: "a number",
    FLAG: "0 or 1",
    INTS: "whole numbers joined by commas",
    FLOATS: "numbers joined by commas",
}


def read_cfg(
    path: str | os.PathLike[str],
    weights: str | os.PathLike[str] | None = None,
    **arguments: Any,
) -> Model:
    """The model that a file describes: a detector, or a classifier where it ends in `[softmax]`.

    It knows the layers of the configurations of YOLOv1 to YOLOv3, their tiny forms and Darknet's
    classifiers; a network with `[yolo]` layers answers, but does not learn.

    Args:
        path: of the `.cfg` file.
        weights: of its `.weights` file; None leaves the weights random.
        arguments: others of the model, such as `score_threshold`; see `zoo.detection.darknet`.

    Raises:
        InputError: the file, and the line of the section or option, that cannot be.
    """
    path = Path(path)
    sections = parse_cfg(path)
    try:
        model = zoo.build("darknet", sections=sections, **arguments)
    except InputError as error:
        raise InputError(f"{path}, {str(error).removeprefix('darknet: ')}") from error
    if weights is not None:
        read_weights(model, weights)
    return model


def parse_cfg(path: str | os.PathLike[str]) -> list[dict[str, Any]]:
    """The sections of a file: `kind`, `line` and every option, stated or by default.

    Raises:
        InputError: it cannot be read, or a line of it is wrong.
    """
    path = Path(path)
    if path.is_file() and path.stat().st_size > _LARGEST:
        raise InputError(f"{path}: {path.stat().st_size} bytes; a .cfg file is a short text.")
    try:
        sections = [_typed(*section) for section in _sections(read_text(path))]
    except _Wrong as error:
        raise InputError(f"{path}, line {error.line}: {error}") from error
    if not sections or sections[0]["kind"] != "net":
        raise InputError(f"{path}: a .cfg file begins with [net], which states width and height.")
    again = next((section for section in sections[1:] if section["kind"] == "net"), None)
    if again:
        raise InputError(f"{path}, line {again['line']}: a second [net]; a file has one.")
    return sections


class _Wrong(ValueError):
    """Something wrong on a line."""

    def __init__(self, line: int, message: str):
        super().__init__(message)
        self.line = line


_Options = dict[str, tuple[int, str]]


def _sections(text: str) -> list[tuple[int, str, _Options]]:
    """Line and kind of each section, and its options with their lines; blanks mean nothing."""
    found: list[tuple[int, str, _Options]] = []
    for number, line in enumerate(re.split(r"\r\n|\r|\n", text), 1):
        line = re.sub(r"\s+", "", re.split(r"[#;]", line, maxsplit=1)[0])
        if not line:
            continue
        if line.startswith("["):
            if not line.endswith("]"):
                raise _Wrong(number, f"{line[:40]!r} is no section; one is written [name].")
            kind = line[1:-1].lower()
            found.append((number, ALIASES.get(kind, kind), {}))
            continue
        key, equals, value = line.partition("=")
        if not equals or not key or not value:
            raise _Wrong(number, f"{line[:40]!r} is no option; one is written key=value.")
        if not found:
            raise _Wrong(number, f"{key!r} stands before the first section, [net].")
        if key in found[-1][2]:
            raise _Wrong(number, f"{key!r} is stated twice in this section.")
        found[-1][2][key] = (number, value)
    return found


def _typed(line: int, kind: str, options: _Options) -> dict[str, Any]:
    """A section with its options as numbers."""
    if kind not in KINDS:
        known = ", ".join(sorted(KINDS))
        raise _Wrong(line, f"unknown section [{kind}]{nearest(kind, KINDS)} There are {known}.")
    known_options, fixed = KINDS[kind], FIXED.get(kind, {})
    values: dict[str, Any] = {"kind": kind, "line": line}
    for key, (number, text) in options.items():
        if key in known_options:
            values[key] = _value(number, key, known_options[key][0], text)
        elif key in fixed:
            if _value(number, key, FLOAT, text) != fixed[key]:
                raise _Wrong(number, f"[{kind}] with {key}={text} is not known; {fixed[key]} is.")
        elif key in ("tree", "map") and kind in ("region", "softmax"):
            raise _Wrong(
                number, f"[{kind}] with a {key} is the architecture yolo9000, which takes one."
            )
        elif kind != "net" and key not in IGNORED[kind]:
            hint = nearest(key, [*known_options, *fixed])
            raise _Wrong(number, f"[{kind}] has no option {key!r}{hint}")
    for key, (_, default) in known_options.items():
        if key not in values and default is REQUIRED:
            raise _Wrong(line, f"[{kind}] needs {key}=…")
        values.setdefault(key, default)
    return values


def _value(line: int, key: str, form: str, text: str) -> Any:
    if form == TEXT:
        return text
    single = form in (INT, FLOAT, FLAG)
    number = float if form in (FLOAT, FLOATS) else int
    try:
        numbers = [number(part) for part in (text,) if single] or [
            number(part) for part in text.rstrip(",").split(",")
        ]
    except ValueError as error:
        raise _Wrong(line, f"{key} is {_FORMS[form]}, not {text[:40]!r}.") from error
    low, high = (0, 1) if form == FLAG else RANGES.get(key, (-math.inf, math.inf))
    if not all(math.isfinite(value) and low <= value <= high for value in numbers):
        raise _Wrong(line, f"{key} is {_FORMS[form]} from {low:g} to {high:g}, not {text[:40]}.")
    return numbers[0] if single else numbers
