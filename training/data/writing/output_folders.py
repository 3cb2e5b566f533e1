"""Folders that are written as a whole or not at all."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

from zoo.errors import InputError
from zoo.files.file_names import shown


@contextlib.contextmanager
def new_folder(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Yields a temporary folder, which becomes `path` when the block ends without an error.

    Raises:
        InputError: if `path` exists and is not an empty folder.
    """
    path = Path(path)
    if path.exists() and not (path.is_dir() and not any(path.iterdir())):
        raise InputError(
            f"{shown(path)}: already exists and is not empty; remove it or choose another folder."
        )
    absolute = path.absolute()
    absolute.parent.mkdir(parents=True, exist_ok=True)
    temporary = absolute.with_name(f".{absolute.name}.{os.getpid()}.partial")
    shutil.rmtree(temporary, ignore_errors=True)
    temporary.mkdir()
    try:
        yield temporary
        if absolute.exists():
            absolute.rmdir()
        os.replace(temporary, absolute)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
