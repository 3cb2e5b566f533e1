"""The file `data.yaml` of a YOLO data set: its text, its keys, and its classes and keypoints."""

from __future__ import annotations

import difflib
import os
from collections import Counter
from pathlib import Path
from typing import Any

import yaml

from training.data.sources.reading.json_files import short
from zoo.errors import InputError
from zoo.files.file_names import inside, shown
from zoo.files.text_files import numbered_lines, read_text

MAX_CLASSES = 100_000
SPLIT_KEYS = {"train": ("train",), "val": ("val", "valid", "validation"), "test": ("test",)}
_KEYS = ("path", "train", "val", "test", "names", "nc", "kpt_shape", "flip_idx")
SIMILAR = 0.66
_NULLS = ("null", "~")
_ALIASES = ("valid", "validation", "kpt_names")


def read_yaml(path: Path) -> dict[str, Any]:
    """Returns the mapping of a YAML file: mappings and lists of texts.

    No text is read as a number or a boolean: `no`, `1.0` and `null` may be names of classes.
    """
    text = read_text(path)
    if len(text) > 10_000_000:
        raise InputError(f"{shown(path)}: too long for a data.yaml.")
    try:
        for event in yaml.parse(text, yaml.BaseLoader):
            # A few aliases of aliases can expand to more than any memory holds.
            if isinstance(event, yaml.AliasEvent):
                raise InputError(
                    f"{shown(path)}: YAML aliases (*name) are not supported; write the values out."
                )
            if getattr(event, "tag", None) is not None:
                tag = shown(str(event.tag)).replace("tag:yaml.org,2002:", "!!")
                line = event.start_mark.line + 1
                raise InputError(
                    f"{shown(path)}: line {line}: YAML tags ({short(tag)}) are not supported; "
                    "write the value without its tag."
                )
        content = _plain(path, yaml.compose(text, yaml.BaseLoader))
    except InputError:
        raise
    except (yaml.YAMLError, ValueError, TypeError, OverflowError, RecursionError) as error:
        reason = shown(" ".join(str(error).split()))[:120]
        raise InputError(f"{shown(path)}: not YAML ({reason}); correct it.") from error
    if not isinstance(content, dict):
        raise InputError(
            f"{shown(path)}: no mapping at the top level; write train:, val: and names:."
        )
    for key, value in content.items():
        if isinstance(value, str) and value.lower() in _NULLS and key != "names":
            content[key] = ""
    _check_keys(path, content)
    return content


def _plain(path: Path, node: yaml.Node | None) -> Any:
    """Returns the value of a node: a dictionary, a list or a text."""
    if isinstance(node, yaml.SequenceNode):
        return [_plain(path, item) for item in node.value]
    if not isinstance(node, yaml.MappingNode):
        return "" if node is None else node.value
    content: dict[str, Any] = {}
    for key_node, value in node.value:
        key = key_node.value if isinstance(key_node, yaml.ScalarNode) else short(key_node.value)
        if key in content:
            line = key_node.start_mark.line + 1
            raise InputError(
                f"{shown(path)}: line {line}: a second {shown(key)}; keep one of them."
            )
        content[key] = _plain(path, value)
    return content


def _check_keys(path: Path, content: dict[str, Any]) -> None:
    """Raises InputError for a misspelt key, and for an empty one of train and val."""
    given = {split for split, keys in SPLIT_KEYS.items() if any(key in content for key in keys)}
    absent = [key for key in _KEYS if key not in content and key not in given]
    for key in content:
        if key in _KEYS or key in _ALIASES:
            continue
        close = difflib.get_close_matches(key.lower(), absent, n=1, cutoff=SIMILAR)
        if close:
            raise InputError(
                f"{shown(path)}: unknown key {short(key)!r}; did you mean {close[0]!r}?"
            )
    for split in ("train", "val"):
        stated = next((key for key in SPLIT_KEYS[split] if key in content), None)
        # Ultralytics' own files have an empty test.
        if stated is not None and not content[stated]:
            raise InputError(
                f"{shown(path)}: {stated} is empty; write its folder of images, or remove the key."
            )


def unread_keys(root: Path, path: Path, content: dict[str, Any]) -> list[str]:
    """Returns a note on unknown keys whose values are folders or files of the data set."""
    unread = [
        short(key)
        for key, value in content.items()
        if key not in (*_KEYS, *_ALIASES) and isinstance(value, str) and _exists(root / value)
    ]
    return [f"{shown(path.name)}: keys that are not read: {', '.join(unread)}."] if unread else []


def _exists(path: Path) -> bool:
    try:
        return os.path.exists(path)
    except (OSError, ValueError):  # too long a name, or NUL in it
        return False


def read_names(root: Path, path: Path, content: dict[str, Any]) -> tuple[str, ...] | None:
    """Returns the class names, or numbers if only their count `nc` is given."""
    names, count = content.get("names"), _whole(content.get("nc"))
    if isinstance(names, str) and names.strip():
        file = inside(root, names.strip(), f"{shown(path)}: names")
        if os.path.isfile(file):
            names = [line for _, line in numbered_lines(file)]
    if isinstance(names, list):
        names = dict(enumerate(names))
    elif isinstance(names, dict):
        names = {_whole(key): name for key, name in names.items()}
    if not names and count is not None and 0 < count < MAX_CLASSES:
        return tuple(map(str, range(count)))
    if not isinstance(names, dict) or not all(
        key is not None and key < MAX_CLASSES for key in names
    ):
        raise InputError(
            f"{shown(path)}: names must be a list or a mapping from index to name, not "
            f"{short(content.get('names'))}."
        )
    words = [names.get(number, str(number)) for number in range(max(names) + 1)]
    for number, word in enumerate(words):
        if not isinstance(word, str) or not word.strip():
            raise InputError(
                f"{shown(path)}: every class name must be a string, but that of class {number} is "
                f"{short(word) or 'empty'}; write it in quotes."
            )
    words = [shown(word.strip()) for word in words]
    repeated = next((word for word, uses in Counter(words).items() if uses > 1), None)
    if repeated is not None:
        raise InputError(f"{shown(path)}: two classes are named {repeated!r}; rename one.")
    if count is not None and count != len(words):
        raise InputError(
            f"{shown(path)}: nc is {count}, but there are {len(words)} names; correct one."
        )
    return tuple(words)


def unnamed_classes(path: Path, content: dict[str, Any], count: int) -> list[str]:
    """Returns a note about the class indices below `count` that a mapping of names leaves out."""
    names = content.get("names")
    known = {_whole(key) for key in names} if isinstance(names, dict) else set(range(count))
    unnamed = [str(number) for number in range(count) if number not in known]
    if not unnamed:
        return []
    few = f"{', '.join(unnamed[:5])}{', …' * (len(unnamed) > 5)}"
    return [f"{shown(path.name)}: names has no name for class {few}; indices begin at 0."]


def read_kpt_shape(path: Path, shape: Any) -> tuple[int, int] | None:
    """Returns the number of keypoints and of values for each, 2 or 3; None without keypoints."""
    if shape in (None, ""):
        return None
    numbers = [_whole(item) for item in shape] if isinstance(shape, list) else []
    if len(numbers) == 2 and numbers[0] and 0 < numbers[0] <= 1000 and numbers[1] in (2, 3):
        return numbers[0], numbers[1]
    text = f"[{', '.join(map(short, shape))}]" if isinstance(shape, list) else short(shape)
    raise InputError(f"{shown(path)}: kpt_shape must be [keypoints, 2 or 3], not {short(text)}.")


def read_flip_idx(path: Path, order: Any, keypoints: int) -> tuple[int, ...] | None:
    """Returns the index of the keypoint that replaces each one in a flipped image, or None."""
    if order in (None, ""):
        return None
    read = [_whole(item) for item in order] if isinstance(order, list) else []
    numbers = [number for number in read if number is not None]
    if not isinstance(order, list) or sorted(numbers) != list(range(keypoints)):
        raise InputError(
            f"{shown(path)}: flip_idx must name each of {keypoints} keypoints once, not "
            f"{short(order)}."
        )
    if any(numbers[numbers[index]] != index for index in range(keypoints)):
        raise InputError(f"{shown(path)}: flip_idx must swap keypoints in pairs, not {order}.")
    return tuple(numbers)


def _whole(text: Any) -> int | None:
    """Returns a whole number of at most nine digits; None for any other value."""
    plain = isinstance(text, str) and text.isascii() and text.isdecimal() and len(text) < 10
    return int(text) if plain else None
