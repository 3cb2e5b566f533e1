"""Damage to files: bytes, words, JSON values, and the files themselves."""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

Random = np.random.Generator

NUMBERS = (
    *("-1", "0", "1", "255", "256", "65536", "2147483648", "9223372036854775808", "1" * 20),
    *("9" * 400, "1e308", "1e999", "-1e999", "NaN", "nan", "inf", "-0", "0.5", "1.0000001", "1_0"),
    *("1,5", "٣", "0x10", "+7", "--3", "1.2.3", ""),
)
WORDS = (
    *("", " ", "null", "true", "no", "None", "../../etc/passwd", "/etc/passwd", "C:\\x\\y.jpg"),
    *("a\0b", "x" * 5000, "é", "ü" * 300, "名前", "\u202e", "%20", "%00", "a b", "a,b", "\\", "'"),
    *(
        "&amp;&undefined;",
        "<!DOCTYPE x [<!ENTITY a 'b'>]>",
        "!!python/object:os.system",
        "{{",
        "*a",
    ),
    *("train_0.jpg", "val_0", ".", "..", "/dev/zero"),
)
VALUES: tuple[Any, ...] = (
    *(None, True, False, -1, 0, 1, 2**31, 2**63, 10**20, 10**400, 1e308, float("nan"), -0.5),
    *(float("inf"), "", " ", "1", "x" * 5000, "\ud800", "a\0b", "../x", "/etc/passwd", "名前"),
    *([], {}, [[]], [None], {"id": 1}, [1, 2, 3], [0] * 1000, "NaN", [1e300] * 8, ["a"] * 6),
)


def truncate(content: bytes, random: Random) -> bytes:
    return content[: random.integers(0, max(1, len(content)))]


def delete_slice(content: bytes, random: Random) -> bytes:
    first, last = _slice(content, random)
    return content[:first] + content[last:]


def repeat_slice(content: bytes, random: Random) -> bytes:
    first, last = _slice(content, random)
    return content[:last] + content[first:last] + content[last:]


def flip_bytes(content: bytes, random: Random) -> bytes:
    changed = bytearray(content)
    for index in random.integers(0, max(1, len(content)), random.integers(1, 9)):
        if index < len(changed):
            changed[index] ^= 1 << random.integers(0, 8)
    return bytes(changed)


def insert_bytes(content: bytes, random: Random) -> bytes:
    odd = (
        b"\0",
        b"\xff\xfe",
        b"\xef\xbb\xbf",
        b"\xe9",
        b"\r",
        b"\x1a",
        b"\0" * 4096,
        b"\xed\xa0\x80",
    )
    where = random.integers(0, len(content) + 1)
    return content[:where] + odd[random.integers(len(odd))] + content[where:]


def byte_order_mark(content: bytes, random: Random) -> bytes:
    return b"\xef\xbb\xbf" + content


def other_encoding(content: bytes, random: Random) -> bytes:
    encodings = ("utf-16", "utf-16-be", "utf-32", "utf-8-sig", "utf-7")
    return content.decode(errors="replace").encode(encodings[random.integers(len(encodings))])


def other_line_ends(content: bytes, random: Random) -> bytes:
    ends = (b"\r\n", b"\r", b"\n\n", b" \n", b"\t\n", b"\x0b", b"\xe2\x80\xa8")
    return content.replace(b"\n", ends[random.integers(len(ends))])


def empty(content: bytes, random: Random) -> bytes:
    return (b"", b"\n", b" ", b"\0" * 64)[random.integers(4)]


def change_number(content: bytes, random: Random) -> bytes:
    return _replace(content, rb"-?\d+(\.\d+)?", NUMBERS, random)


def change_word(content: bytes, random: Random) -> bytes:
    return _replace(content, rb"[A-Za-z_./]{2,}", WORDS, random)


def change_separator(content: bytes, random: Random) -> bytes:
    return _replace(content, rb"[ ,;:\t=]", (";", ",", "\t", "  ", ":", "|", ""), random)


def drop_line(content: bytes, random: Random) -> bytes:
    lines = content.splitlines(keepends=True)
    if lines:
        del lines[random.integers(len(lines))]
    return b"".join(lines)


def repeat_line(content: bytes, random: Random) -> bytes:
    lines = content.splitlines(keepends=True) or [b""]
    index = random.integers(len(lines))
    return b"".join([*lines[:index], lines[index] * int(random.integers(2, 50)), *lines[index:]])


def insert_line(content: bytes, random: Random) -> bytes:
    lines = content.splitlines(keepends=True)
    odd = (b"# a comment\n", b"image label\n", b"\n", b"x" * 100_000 + b"\n", b"train_9.jpg\n")
    index = random.integers(len(lines) + 1)
    return b"".join([*lines[:index], odd[random.integers(len(odd))], *lines[index:]])


def swap_lines(content: bytes, random: Random) -> bytes:
    lines = content.splitlines(keepends=True)
    if len(lines) > 1:
        a, b = random.integers(0, len(lines), 2)
        lines[a], lines[b] = lines[b], lines[a]
    return b"".join(lines)


def change_json(content: bytes, random: Random) -> bytes:
    """Replaces, removes, repeats or nests one value of a JSON document."""
    try:
        document = json.loads(content)
    except ValueError:
        return change_word(content, random)
    paths = [path for path in _paths(document) if path]
    if not paths:
        return b"[]"
    *way, last = paths[random.integers(len(paths))]
    holder = document
    for key in way:
        holder = holder[key]
    kind = random.integers(5)
    if kind == 0:
        del holder[last]
    elif kind == 1 and isinstance(holder, list):
        holder.append(holder[last])
    elif kind == 2:
        holder[last] = [holder[last]]
    elif kind == 3:
        nested = "[" * 2000 + "]" * 2000
        holder[last] = "@nested@"
        return json.dumps(document).replace('"@nested@"', nested).encode()
    else:
        holder[last] = VALUES[random.integers(len(VALUES))]
    return json.dumps(document).encode()


def rename_json_key(content: bytes, random: Random) -> bytes:
    keys = list(re.finditer(rb'"(\w+)"\s*:', content))
    if not keys:
        return change_word(content, random)
    key = keys[random.integers(len(keys))]
    return content[: key.start(1)] + key[1][:-1] + content[key.end(1) :]


CONTENT: tuple[Callable[[bytes, Random], bytes], ...] = (
    *(truncate, delete_slice, repeat_slice, flip_bytes, insert_bytes, byte_order_mark),
    *(other_encoding, other_line_ends, empty, change_number, change_number, change_word),
    *(change_word, change_separator, drop_line, repeat_line, insert_line, swap_lines),
    *(change_json, change_json, change_json, rename_json_key),
)
"""Functions from the content of a file to damaged content; common kinds are listed twice."""


def remove(path: Path, random: Random) -> None:
    path.unlink()


def rename(path: Path, random: Random) -> None:
    stem, suffix = path.stem, path.suffix
    names = (
        f"{stem} 1{suffix}",
        f"{stem}{suffix.upper()}",
        f"{stem}.bak",
        f"Ü{stem}{suffix}",
        f".{stem}{suffix}",
        stem,
    )
    path.rename(path.with_name(names[random.integers(len(names))]))


def make_folder(path: Path, random: Random) -> None:
    path.unlink()
    path.mkdir()


def link_to_itself(path: Path, random: Random) -> None:
    path.unlink()
    path.symlink_to(path.name)


def make_fifo(path: Path, random: Random) -> None:
    path.unlink()
    os.mkfifo(path)


def link_to_device(path: Path, random: Random) -> None:
    path.unlink()
    path.symlink_to("/dev/zero")


def copy_beside(path: Path, random: Random) -> None:
    suffixes = (".png", ".JPG", ".txt", ".bak", path.suffix)
    suffix = suffixes[random.integers(len(suffixes))]
    shutil.copy(path, path.with_name(f"{path.stem}{'_copy' * (suffix == path.suffix)}{suffix}"))


FILES: tuple[Callable[[Path, Random], None], ...] = (
    *(remove, rename, make_folder, link_to_itself, make_fifo, link_to_device, copy_beside),
)
"""Functions that damage a file as a whole."""

IMAGES = (".jpg", ".png")


def damage(root: Path, seed: int) -> str:
    """Damages one file of a folder and returns what was done, `mutator file`.

    The files are links that other copies share: a damaged file is written anew.
    """
    random = np.random.default_rng(seed)
    files = sorted(path for path in root.rglob("*") if path.is_file())
    labels = [path for path in files if path.suffix not in IMAGES] or files
    masks = [path for path in files if path.suffix == ".png"] or files
    chosen = (labels, labels, labels, masks, files)[random.integers(5)]
    path = chosen[random.integers(len(chosen))]
    if random.integers(8) == 0:
        mutate = FILES[random.integers(len(FILES))]
        mutate(path, random)
        return f"{mutate.__name__} {path.relative_to(root)}"
    change = CONTENT[random.integers(len(CONTENT))]
    if path.suffix in IMAGES:
        change = CONTENT[random.integers(5)]
    content = change(path.read_bytes(), random)
    path.unlink()
    path.write_bytes(content)
    return f"{change.__name__} {path.relative_to(root)}"


def _slice(content: bytes, random: Random) -> tuple[int, int]:
    first = int(random.integers(0, max(1, len(content))))
    return first, min(len(content), first + int(random.integers(1, 60)))


def _replace(content: bytes, pattern: bytes, choices: tuple[str, ...], random: Random) -> bytes:
    found = list(re.finditer(pattern, content))
    if not found:
        return content + b"?"
    match = found[random.integers(len(found))]
    choice = choices[random.integers(len(choices))].encode()
    return content[: match.start()] + choice + content[match.end() :]


def _paths(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    found = [path]
    inner = enumerate(value) if isinstance(value, list) else ()
    if isinstance(value, dict):
        inner = value.items()
    for key, child in inner:
        found += _paths(child, (*path, key))
    return found
