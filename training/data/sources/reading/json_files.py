"""JSON label files: read as a whole, trusted in nothing."""

from __future__ import annotations

import json
from array import array
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from zoo.errors import InputError
from zoo.files.file_names import shown

Record = dict[str, Any]


def read_json(path: Path) -> Any:
    """The content of a JSON file.

    Raises:
        InputError: it cannot be read or is not JSON.
    """
    try:
        return json.loads(path.read_bytes())
    except OSError as error:
        raise InputError(f"{shown(path)}: {error.strerror or error}.") from error
    except RecursionError as error:
        raise InputError(f"{shown(path)}: nested too deeply to be a label file.") from error
    except ValueError as error:
        reason = shown(str(error))
        raise InputError(f"{shown(path)}: not JSON ({reason}); save it again.") from error


def records_of(data: Any, key: str, path: Path) -> list[Any]:
    """The list under a key of the file's top level.

    Raises:
        InputError: there is none.
    """
    found = data.get(key) if isinstance(data, dict) else None
    if not isinstance(found, list):
        raise InputError(f"{shown(path)}: expected an object with a list {key!r}.")
    return found


def identity(value: Any) -> int | str | None:
    """A value that can be an id; None for what cannot."""
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value if isinstance(value, int | str) and not isinstance(value, bool) else None


def numbers(value: Any, count: int | None = None) -> Sequence[float] | None:
    """A list of numbers, of this many if told; None for anything else."""
    if not isinstance(value, list) or (count is not None and len(value) != count):
        return None
    try:
        return array("d", value)
    except (TypeError, OverflowError):
        return None


def pixels(value: Any) -> int:
    """A number of pixels along a side, at most 2³¹ − 1; 0 for what is not whole and positive."""
    found = identity(value)
    return min(found, 2**31 - 1) if isinstance(found, int) and found > 0 else 0


def short(value: Any) -> str:
    """A value from a file in a few characters of one line."""
    text = shown(value if isinstance(value, str) else repr(value)[:200])
    return text if len(text) <= 60 else text[:57] + "…"
