"""Matching of names in lists with the files of a data set, by the longest common tail."""

from __future__ import annotations

import os
import unicodedata
from collections.abc import Iterable
from pathlib import Path

from training.data.sources.reading.image_files import IMAGE_SUFFIXES, MASK_SUFFIXES
from training.data.sources.reading.splits import split_from_name
from zoo.errors import InputError
from zoo.files.file_names import shown

Parts = tuple[str, ...]

_SUFFIXES = {*IMAGE_SUFFIXES, *MASK_SUFFIXES, ".txt", ".xml", ".json"}


class PathMatcher:
    """Finds the files that names mean: paths, tails of paths, file names or stems.

    Of the files of a name, the one whose path has the longest tail in common is meant, so that
    lists with paths of another machine are read: `/home/me/set/train/a.jpg` is `train/a.jpg`. A
    file is not meant if the name has another of the data set's folders in the place of its own:
    `set/val/a.jpg` is not `train/a.jpg`.

    Args:
        root: the data folder.
        files: the files, below `root`.
    """

    def __init__(self, root: Path, files: Iterable[Path]):
        self._by_name: dict[str, list[tuple[Parts, Path]]] = {}
        self._by_stem: dict[str, list[tuple[Parts, Path]]] = {}
        self._folders: set[str] = set()
        base = f"{os.fspath(root)}/"
        parents: dict[str, Parts] = {}
        for file in dict.fromkeys(files):
            folder, _, name = _normal(os.fspath(file).removeprefix(base)).rpartition("/")
            if folder not in parents:
                parents[folder] = tuple(folder.split("/")) if folder else ()
            entry = ((*parents[folder], name), file)
            self._by_name.setdefault(name, []).append(entry)
            self._by_stem.setdefault(name.rpartition(".")[0] or name, []).append(entry)
        self._folders.update(*parents.values())
        # The first and the last in order begin with what all have in common.
        first, last = min(parents.values(), default=()), max(parents.values(), default=())
        self._base = 0
        while self._base < len(first) and first[: self._base + 1] == last[: self._base + 1]:
            self._base += 1

    def find(self, name: str) -> Path | None:
        """Returns the file that a name means, or None if there is none.

        Raises:
            InputError: if two files fit equally well.
        """
        for text in dict.fromkeys((name, _in_windows_encoding(name))):
            parts = path_parts(text)
            if not parts:
                continue
            stem, suffix = os.path.splitext(parts[-1])
            stem = stem if suffix.lower() in _SUFFIXES else parts[-1]
            for entries in (
                self._by_name.get(parts[-1], ()),
                self._by_stem.get(parts[-1], ()),
                self._by_stem.get(stem, ()),
            ):
                if (found := self._longest(parts, entries)) is not None:
                    return found
        return None

    def _longest(self, parts: Parts, entries: Iterable[tuple[Parts, Path]]) -> Path | None:
        matches = [(self._common(parts, own), own, file) for own, file in entries]
        longest = max((count for count, *_ in matches), default=-1)
        if longest < 0:
            return None
        best = [(own, file) for count, own, file in matches if count == longest]
        if len(best) > 1:
            # The path as it is, below the data folder or below the folder of all images.
            lengths = (len(parts), len(parts) + self._base)
            whole = [e for e in best if longest == len(parts) - 1 and len(e[0]) in lengths]
            best = whole if len(whole) == 1 else best
        if len(best) > 1:
            names = " and ".join(shown("/".join(own)) for own, _ in best[:2])
            raise InputError(f"{shown('/'.join(parts))} fits {names}")
        return best[0][1]

    def _common(self, parts: Parts, own: Parts) -> int:
        """Returns the number of last folders in common; −1 if the folders contradict each other."""
        count = 0
        for stated, folder in zip(parts[-2::-1], own[-2::-1], strict=False):
            if stated != folder:
                split, other = split_from_name(stated), split_from_name(folder)
                if stated in self._folders or (split and other and split != other):
                    return -1
                break
            count += 1
        return count


def path_parts(name: str) -> Parts:
    """Returns the components of a path in a list, of any system."""
    text = _normal(name.replace("\\", "/")).removeprefix("file://")
    return tuple(part for part in text.split("/") if part not in ("", ".", ".."))


def _normal(text: str) -> str:
    """Returns a text in one form of Unicode; macOS stores file names in another than most."""
    return text if text.isascii() else unicodedata.normalize("NFC", text)


def _in_windows_encoding(name: str) -> str:
    """Returns a name that is not UTF-8 as if it were in Western Europe's Windows encoding."""
    try:
        return os.fsencode(name).decode("cp1252") if not name.isascii() else name
    except UnicodeError:
        return name
