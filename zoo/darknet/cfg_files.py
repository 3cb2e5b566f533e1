"""Darknet's `.cfg` files: sections and options, and the model that they describe."""

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
    line_error,
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
    path: str | os.PathLike[str], weights: str | os.PathLike[str] | None = None, **arguments: Any
) -> Model:
    """Builds the model of a file: a detector, or a classifier where it ends in `[softmax]`.

    Supported are the sections of YOLOv1 to YOLOv3, their tiny forms and Darknet's classifiers; a
    network with `[yolo]` sections is for prediction only.

    Args:
        path: path of the `.cfg` file.
        weights: path of its `.weights` file; None for random weights.
        **arguments: further arguments of `darknet`, such as `score_threshold`.

    Raises:
        InputError: if the file cannot be read, or a section or option is wrong; the message names
            the line.
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
    """Reads the sections of a file.

    Args:
        path: path of the `.cfg` file.

    Returns:
        Dictionaries with `kind`, `line` and all options, defaults included.

    Raises:
        InputError: if the file cannot be read, or a line is wrong.
    """
    path = Path(path)
    if path.is_file() and path.stat().st_size > _LARGEST:
        raise InputError(
            f"{path}: a .cfg file must have at most {_LARGEST} bytes, not {path.stat().st_size}."
        )
    text = read_text(path)
    try:
        sections = [_typed(*section) for section in _sections(text)]
    except InputError as error:
        raise InputError(f"{path}, {error}") from error
    if not sections or sections[0]["kind"] != "net":
        found = f"[{sections[0]['kind']}]" if sections else "an empty file"
        raise InputError(
            f"{path}: the first section must be [net] with width and height, not {found}."
        )
    second = next((section for section in sections[1:] if section["kind"] == "net"), None)
    if second:
        raise InputError(f"{path}, line {second['line']}: a second [net]; only one is allowed.")
    return sections


_Options = dict[str, tuple[int, str]]


def _sections(text: str) -> list[tuple[int, str, _Options]]:
    """Line, kind and options of each section; options with their lines, without blanks."""
    sections: list[tuple[int, str, _Options]] = []
    for number, line in enumerate(re.split(r"\r\n|\r|\n", text), 1):
        line = re.sub(r"\s+", "", re.split(r"[#;]", line, maxsplit=1)[0])
        if not line:
            continue
        if line.startswith("["):
            if not line.endswith("]"):
                raise line_error(number, f"a section must be [name], not {line[:40]!r}.")
            kind = line[1:-1].lower()
            sections.append((number, ALIASES.get(kind, kind), {}))
            continue
        key, equals, value = line.partition("=")
        if not equals or not key or not value:
            raise line_error(number, f"an option must be key=value, not {line[:40]!r}.")
        if not sections:
            raise line_error(number, f"option {key!r} before the first section, [net].")
        if key in sections[-1][2]:
            raise line_error(number, f"option {key!r} occurs twice in this section.")
        sections[-1][2][key] = (number, value)
    return sections


def _typed(line: int, kind: str, options: _Options) -> dict[str, Any]:
    """A section with parsed options and defaults."""
    if kind not in KINDS:
        known = ", ".join(sorted(KINDS))
        raise line_error(
            line, f"unknown section [{kind}]{nearest(kind, KINDS)} Available: {known}."
        )
    known_options, fixed = KINDS[kind], FIXED.get(kind, {})
    values: dict[str, Any] = {"kind": kind, "line": line}
    for key, (number, text) in options.items():
        if key in known_options:
            values[key] = _value(number, key, known_options[key][0], text)
        elif key in fixed:
            if _value(number, key, FLOAT, text) != fixed[key]:
                raise line_error(number, f"[{kind}]: {key} must be {fixed[key]}, not {text}.")
        elif key in ("tree", "map") and kind in ("region", "softmax"):
            raise line_error(
                number, f"[{kind}]: {key} is not supported; use the architecture yolo9000."
            )
        elif kind != "net" and key not in IGNORED[kind]:
            hint = nearest(key, [*known_options, *fixed])
            raise line_error(number, f"[{kind}]: unknown option {key!r}{hint}")
    for key, (_, default) in known_options.items():
        if key not in values and default is REQUIRED:
            raise line_error(line, f"[{kind}]: option {key!r} is missing.")
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
        raise line_error(line, f"{key} must be {_FORMS[form]}, not {text[:40]!r}.") from error
    low, high = (0, 1) if form == FLAG else RANGES.get(key, (-math.inf, math.inf))
    if not all(math.isfinite(value) and low <= value <= high for value in numbers):
        raise line_error(
            line, f"{key} must be {_FORMS[form]} from {low:g} to {high:g}, not {text[:40]!r}."
        )
    return numbers[0] if single else numbers
