"""The images that label files name, wherever a tool has put them below the data folder."""

from __future__ import annotations

import os
import posixpath
import re
import unicodedata
from collections.abc import Callable, Collection, Iterator
from pathlib import Path
from urllib.parse import parse_qs, unquote, urlsplit

from training.data.sources.reading.folder_layout import IMAGE_FOLDERS
from training.data.sources.reading.image_files import IMAGE_SUFFIXES
from training.data.sources.reading.linked_folders import walk
from zoo.errors import InputError
from zoo.files.file_names import shown

Parts = tuple[str, ...]

_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+://")
_DRIVE = re.compile(r"[A-Za-z]:(?=[\\/])")
# Label Studio puts eight digits of a UUID before the name of an uploaded file.
_UPLOAD = re.compile(r"(?:[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}[-_]|[0-9a-f]{8}-)(?=.)")
_CLEANED = "\0"


class ImageFinder:
    """Finds the image files below a data folder that label files name.

    A name is first a path below the folder of the label file's images. Otherwise the file with the
    longest matching tail is taken: for `C:\\work\\day1\\a.jpg` that is `images/day1/a.jpg`, else
    `images/a.jpg`. URLs, percent encoding, upload prefixes and differences in case or in the form
    of Unicode are allowed for. Files outside of the data folder are never taken; linked folders in
    it are followed.

    Args:
        root: the data folder.
    """

    def __init__(self, root: Path):
        self.root = root
        self._listings: dict[str, frozenset[str]] = {}
        self._files: dict[str, list[Parts]] | None = None
        self._parent: tuple[str, Parts] = ("", ())

    def find(self, name: str, folder: Path, shortest: int = 1) -> Path:
        """Returns the path of an image; if there is no such image, the path where it should be.

        Args:
            name: path or URL of the image in a label file.
            folder: folder in the data folder that the path may be relative to.
            shortest: least number of matching path components, if `name` has as many.

        Raises:
            InputError: if several files fit, or `name` cannot be the name of a file.
        """
        path = self._listed(folder, name)
        if path is not None:
            return path
        spellings = list(dict.fromkeys(_spellings(name, self.root)))
        if not spellings or not _is_encodable(name):
            raise InputError(f"{shown(name)!r} is not a file name; write the image's file.")
        for parts in spellings:
            for base in (folder, self.root):
                path = self._listed(base, "/".join(parts))
                if path is not None:
                    return path
        path = self._longest(spellings, folder, shortest, _plain)
        if path is None:
            path = self._longest(spellings, folder, shortest, _cleaned)
        return folder.joinpath(*spellings[0]) if path is None else path

    def labeled_by(self, label_file: Path, folder: Path) -> Path | None:
        """Returns the image whose path has the longest tail in common with that of a label file.

        Their names differ in the ending alone; None if there is no such image. Of several, one
        below `folder` is meant.

        Raises:
            InputError: if several images fit equally well.
        """
        parent = os.path.dirname(label_file)
        below = os.path.relpath(parent, self.root) if parent != self._parent[0] else ""
        if below:
            self._parent = parent, Path(below).parts
        return self._longest([(*self._parent[1], label_file.stem)], folder, 1, _plain)

    def beside(self, folders: Collection[Path]) -> Iterator[Path]:
        """Yields the images that are in one of these folders."""
        wanted = {os.path.relpath(folder, self.root) for folder in folders}
        for folder in wanted:
            for name in sorted(_names_in(os.path.join(self.root, folder))):
                if os.path.splitext(name)[1].lower() in IMAGE_SUFFIXES and name[0] != ".":
                    yield self.root / folder / name

    def has(self, folder: Path, name: str) -> bool:
        """Returns whether a folder lists a file of this name, a path below it."""
        return self._listed(folder, name) is not None

    def _listed(self, folder: Path, name: str) -> Path | None:
        """Returns the file of this name below a folder, from the listing of its own folder."""
        parent, _, last = name.rpartition("/")
        if last in ("", ".", "..") or name.startswith("/") or ".." in parent.split("/"):
            return None
        where = os.path.join(folder, parent) if parent else os.fspath(folder)
        if where not in self._listings:
            self._listings[where] = _names_in(where)
        return Path(where, last) if last in self._listings[where] else None

    def _longest(
        self, spellings: list[Parts], folder: Path, shortest: int, key_of: Callable[[str], str]
    ) -> Path | None:
        """Returns the file whose path has the longest tail in common with a spelling, or None.

        `key_of` returns what file names are compared by.
        """
        if self._files is None:
            self._files = _index(self.root)
        longest = 0
        parts: Parts = ()
        files: list[Parts] = []
        for spelling in spellings:
            found = [
                (_matching(spelling, file), file)
                for file in self._files.get(key_of(spelling[-1]), ())
            ]
            count = max((count for count, _ in found), default=0)
            if count > longest and count >= min(shortest, len(spelling)):
                longest, parts = count, spelling
                files = [file for common, file in found if common == count]
        if not files:
            return None
        files = [file for file in files if file[-longest:] == parts[-longest:]] or files
        if len(files) > 1:
            base = Path(os.path.relpath(folder, self.root)).parts
            files = [file for file in files if file[: len(base)] == base] or files
        if len(files) > 1:
            # Masks often have the names of their images.
            files = [file for file in files if set(file[:-1]) & set(IMAGE_FOLDERS)] or files
        if len(files) > 1:
            both = " and ".join(shown("/".join(file)) for file in files[:2])
            raise InputError(f"{shown('/'.join(parts))} fits {both}; write the whole path.")
        return self.root.joinpath(*files[0])


def _spellings(name: str, root: Path) -> Iterator[Parts]:
    """Yields the components of the paths that a name in a label file may mean."""
    texts = [name]
    if "?" in name or _URL.match(name):
        address = urlsplit(name) if "[" not in name and "]" not in name else None
        if address is not None:
            # Label Studio's local files are `/data/local-files/?d=images/a.jpg`.
            texts += [*parse_qs(address.query).get("d", ()), address.path]
    for base in (os.path.abspath(root), os.path.realpath(root)):
        texts += [os.path.relpath(text, base) for text in texts if text.startswith(f"{base}/")]
    found: list[Parts] = []
    for text in texts[::-1] if len(texts) > 1 else texts:
        plain = _DRIVE.sub("", text, count=1).replace("\\", "/")
        for path in (text, plain, unquote(plain)):
            parts = posixpath.normpath(f"/{path}").split("/")
            found.append(tuple(part for part in parts if part))
    found = [parts for parts in found if parts and not any("\0" in part for part in parts)]
    yield from found
    for *parents, last in found:
        if _UPLOAD.match(last):
            yield (*parents, _UPLOAD.sub("", last, count=1))


def _matching(parts: Parts, file: Parts) -> int:
    """Returns the number of last components in common; the last one of `parts` is in common."""
    count = 1
    for one, other in zip(parts[-2::-1], file[-2::-1], strict=False):
        if one != other and _plain(one) != _plain(other):
            break
        count += 1
    return count


def _names_in(folder: str) -> frozenset[str]:
    try:
        return frozenset(os.listdir(folder))
    except (OSError, ValueError):
        return frozenset()


def _index(root: Path) -> dict[str, list[Parts]]:
    """Returns the image files below a folder by name and by stem, each as its path's components."""
    files: dict[str, list[Parts]] = {}
    for parent, _, names in walk(root):
        base = Path(os.path.relpath(parent, root)).parts
        for name in sorted(names):
            stem, suffix = os.path.splitext(name)
            if suffix.lower() in IMAGE_SUFFIXES and name[0] != ".":
                for key in {_plain(name), _plain(stem), _cleaned(name)}:
                    files.setdefault(key, []).append((*base, name))
    return files


def _plain(name: str) -> str:
    """Returns a name in one form of Unicode, and without a difference in case."""
    return name.casefold() if name.isascii() else unicodedata.normalize("NFC", name).casefold()


def _cleaned(name: str) -> str:
    """Returns a name as upload forms store it: blanks as underscores, no other punctuation."""
    return _CLEANED + re.sub(r"[^\w.-]", "", _plain(name).strip().replace(" ", "_"))


def _is_encodable(name: str) -> bool:
    try:
        return b"\0" not in os.fsencode(name)
    except UnicodeEncodeError:
        return False
