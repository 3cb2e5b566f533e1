"""Names of files that stand in somebody's label files."""

from __future__ import annotations

import os
from pathlib import Path, PurePosixPath

from zoo.errors import InputError


def shown(path: str | bytes | os.PathLike[str]) -> str:
    """A name as one line of text that can be printed, also where it is not UTF-8."""
    name = os.fspath(path)
    text = name.decode(errors="replace") if isinstance(name, bytes) else name
    text = text.encode(errors="replace").decode()
    if text.isprintable():
        return text
    return "".join(letter if letter.isprintable() else "?" for letter in text)


def inside(folder: Path, name: str, where: str) -> Path:
    """The file `name` below `folder`; it need not be there.

    Args:
        folder: the data folder.
        name: as a label file states it, with `/` or `\\` between folders.
        where: file and record, for the message.

    Raises:
        InputError: the name leaves the folder, or no file can have it.
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
        raise InputError(f"{where}: {shown(name)!r} is no name of a file; name per image.")
    return folder / path
