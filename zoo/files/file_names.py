"""File names from label files: shown in messages, and resolved inside the data folder."""

from __future__ import annotations

import os
from pathlib import Path, PurePosixPath

from zoo.errors import InputError


def shown(path: str | bytes | os.PathLike[str]) -> str:
    """Returns a name as one printable line; bytes that are not UTF-8 are replaced."""
    name = os.fspath(path)
    text = name.decode(errors="replace") if isinstance(name, bytes) else name
    text = text.encode(errors="replace").decode()
    if text.isprintable():
        return text
    return "".join(letter if letter.isprintable() else "?" for letter in text)


def inside(folder: Path, name: str, where: str) -> Path:
    """Returns the path of a file below a folder; the file need not exist.

    `name` is relative, with `/` or `\\` between folders; one that leaves the folder is refused.
    `where` is file and record that contain it, for messages.
    """
    path = PurePosixPath(name.replace("\\", "/"))
    drive = len(name) > 1 and name[1] == ":"
    if path.is_absolute() or drive or ".." in path.parts:
        raise InputError(
            f"{where}: {shown(name)} leaves the data folder; name a file below {shown(folder)}."
        )
    try:
        encoded = os.fsencode(path)
    except UnicodeEncodeError:
        encoded = b"\0"
    if b"\0" in encoded or not path.parts:
        raise InputError(f"{where}: {shown(name)!r} is not a file name; write the image's file.")
    return folder / path
