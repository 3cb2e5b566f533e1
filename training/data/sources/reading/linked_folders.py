"""Folders and their sub-folders, with those that are symbolic links."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path


def walk(folder: Path) -> Iterator[tuple[str, list[str], list[str]]]:
    """Yields path, sub-folders and files of a folder and of all below it, as `os.walk`.

    Linked folders are followed, but none that contains itself. Hidden folders are omitted.
    """
    for parent, folders, files in os.walk(folder, followlinks=True):
        folders[:] = sorted(
            name
            for name in folders
            if name[0] != "." and name != "__MACOSX" and not _is_cycle(folder, Path(parent, name))
        )
        yield parent, folders, files


def _is_cycle(folder: Path, path: Path) -> bool:
    """Returns whether a path is a link to one of the folders on the way to it, or above one."""
    if not path.is_symlink():
        return False
    target = path.resolve()
    way = [folder, *(p for p in path.parents if folder in p.parents)]
    return any(place.resolve().is_relative_to(target) for place in way)
