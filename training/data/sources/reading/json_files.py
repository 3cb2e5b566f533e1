"""JSON label files, and their values checked for type."""

from __future__ import annotations

import json
from array import array
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from zoo.errors import InputError
from zoo.files.file_names import shown
from zoo.files.text_files import read_bytes

JsonObject = dict[str, Any]
Id = int | str


def read_json(path: Path, lists: Sequence[str] = ()) -> Any:
    """Returns the content of a JSON file.

    Args:
        path: the file.
        lists: keys that occur once at most; of repeated ones JSON keeps only the last value.
    """
    content = read_bytes(path)
    repeated = any(content.count(f'"{key}"'.encode()) > 1 for key in lists)
    try:
        return json.loads(content, object_pairs_hook=_refuse_repeated(lists) if repeated else None)
    except _RepeatedKey as error:
        raise InputError(f"{shown(path)}: two values under {error}; join them in one.") from error
    except RecursionError as error:
        raise InputError(f"{shown(path)}: nested too deeply for a label file.") from error
    except ValueError as error:
        reason = shown(str(error))
        raise InputError(f"{shown(path)}: not JSON ({reason}); save it again.") from error


class _RepeatedKey(Exception):
    """A key that an object holds twice."""


def _refuse_repeated(keys: Sequence[str]) -> Callable[[list[tuple[str, Any]]], JsonObject]:
    """Returns a hook for `json.loads` that raises `_RepeatedKey` for one of these keys."""

    def build(pairs: list[tuple[str, Any]]) -> JsonObject:
        value = dict(pairs)
        if len(value) < len(pairs):
            names = [key for key, _ in pairs]
            for key in keys:
                if names.count(key) > 1:
                    raise _RepeatedKey(repr(key))
        return value

    return build


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
    """Returns an id: an integer, also for text such as `"17"`, or a string; None otherwise."""
    if isinstance(value, str):
        plain = value.isascii() and value.isdecimal() and len(value) < 19
        return int(value) if plain and value == str(int(value)) else value
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) else None


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
