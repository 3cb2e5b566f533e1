"""Lookup of the images that label files name."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path, PurePosixPath

from training.data.sources.reading.folder_layout import IMAGE_FOLDERS
from training.data.sources.reading.image_files import IMAGE_SUFFIXES, natural_key
from training.data.sources.reading.image_finder import ImageFinder
from zoo.errors import InputError
from zoo.files.file_names import inside, shown


class ImageIndex:
    """The images of a data folder and of its image folders, but no deeper, by name and by stem."""

    def __init__(self, root: Path):
        self.root = root
        self.folders = [root / name for name in IMAGE_FOLDERS if (root / name).is_dir()]
        self._paths: dict[str, list[Path]] = {}
        self._finder = ImageFinder(root)
        for folder in [*self.folders, root]:
            with os.scandir(folder) as entries:
                for entry in entries:
                    stem, suffix = os.path.splitext(entry.name)
                    if suffix.lower() in IMAGE_SUFFIXES and not entry.name.startswith("."):
                        for key in {entry.name, stem}:
                            self._paths.setdefault(key, []).append(folder / entry.name)

    def find(self, name: str, where: str) -> Path:
        """Returns the path of an image; if there is no such image, the path where it should be.

        `name` is a path below the data folder, or a file name with or without its suffix; `where`
        is the record that contains it, for messages.
        """
        paths = self._paths.get(name, ())
        if len(paths) > 1:
            names = " and ".join(shown(path.relative_to(self.root)) for path in paths[:2])
            raise InputError(f"{where}: {shown(name)} fits {names}; write the whole name.")
        if paths:
            return paths[0]
        try:
            found = self._finder.find(name, self.root)
        except InputError as error:
            raise InputError(f"{where}: {error}") from error
        if self._finder.has(found.parent, found.name):
            return found
        path = inside(self.root, name, where)
        candidates = [path, *(folder / path.relative_to(self.root) for folder in self.folders)]
        for candidate in candidates:
            if os.path.isfile(candidate):
                return candidate
        if PurePosixPath(name).suffix.lower() not in IMAGE_SUFFIXES:
            for candidate in candidates:
                for suffix in IMAGE_SUFFIXES:
                    if os.path.isfile(f"{candidate}{suffix}"):
                        return candidate.with_name(candidate.name + suffix)
        return candidates[1 if self.folders else 0]

    def images(self) -> list[Path]:
        """Returns the images of the first image folder, or of the data folder if there is none."""
        folder = self.folders[0] if self.folders else self.root
        paths = {path for paths in self._paths.values() for path in paths}
        return [path for path in paths if path.parent == folder]

    def unnamed(self, images: Iterable[Path]) -> list[str]:
        """Returns a note on the images of the folder that are not among those of the labels."""
        others = sorted(set(self.images()).difference(images), key=natural_key)
        if not others:
            return []
        count = f"{len(others)} images are" if len(others) > 1 else "1 image is"
        return [f"{count} in no list or table and not read, such as {shown(others[0].name)}."]
