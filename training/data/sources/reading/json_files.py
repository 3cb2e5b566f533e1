"""JSON label files, and their values checked for type."""

from __future__ import annotations

import json
from array import array
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from zoo.errors import InputError
from zoo.files.file_names import shown
from zoo.files.text_files import read_bytes

JsonObject = dict[str, Any]
Id = int | str


def read_json(path: Path) -> Any:
    """Returns the content of a JSON file."""
    content = read_bytes(path)
    try:
        return json.loads(content)
    except RecursionError as error:
        raise InputError(f"{shown(path)}: nested too deeply for a label file.") from error
    except ValueError as error:
        reason = shown(str(error))
        raise InputError(f"{shown(path)}: not JSON ({reason}); save it again.") from error


def list_under(data: Any, key: str, path: Path) -> list[Any]:
    """Returns the list under a key of the file's top level."""
    value = data.get(key) if isinstance(data, dict) else None
    if not isinstance(value, list):
        raise InputError(
            f"{shown(path)}: the top level must be an object with a list {key!r}, not "
            f"{short(data)}."
        )
    return value


def as_id(value: Any) -> Id | None:
    """Returns an id, an integer or a string; None for any other value."""
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value if isinstance(value, int | str) and not isinstance(value, bool) else None


def as_floats(value: Any, count: int | None = None) -> Sequence[float] | None:
    """Returns a list of numbers, of length `count` if it is not None; None for any other value."""
    if not isinstance(value, list) or (count is not None and len(value) != count):
        return None
    try:
        return array("d", value)
    except (TypeError, OverflowError):
        return None


def as_pixels(value: Any) -> int:
    """Returns a side in pixels, at most 2³¹ − 1; 0 for a value that is not a positive integer."""
    number = as_id(value)
    return min(number, 2**31 - 1) if isinstance(number, int) and number > 0 else 0


def short(value: Any) -> str:
    """Returns a value from a file as one line of at most 60 characters."""
    text = shown(value if isinstance(value, str) else repr(value)[:200])
    return text if len(text) <= 60 else text[:57] + "…"
