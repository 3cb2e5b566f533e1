"""Finding the images that label files name, however they name them."""

from __future__ import annotations

import os
from pathlib import Path, PurePosixPath

from training.data.sources.reading.folder_layout import IMAGE_FOLDERS
from training.data.sources.reading.image_files import IMAGES
from zoo.errors import InputError
from zoo.files.file_names import inside, shown


class ImageIndex:
    """The images directly in a data folder and in its folders of images, by name.

    Args:
        root: the data folder.
    """

    def __init__(self, root: Path):
        self.root = root
        self.folders = [root / name for name in IMAGE_FOLDERS if (root / name).is_dir()]
        self._places: dict[str, list[Path]] = {}
        for folder in [*self.folders, root]:
            with os.scandir(folder) as entries:
                for entry in entries:
                    stem, ending = os.path.splitext(entry.name)
                    if ending.lower() in IMAGES and not entry.name.startswith("."):
                        for key in {entry.name, stem}:
                            self._places.setdefault(key, []).append(folder / entry.name)

    def find(self, name: str, where: str) -> Path:
        """The image of a name: a path below the data folder, or a file name with or without its
        ending. A name that no image has gives the path where it would be.

        Raises:
            InputError: the name leaves the folder, or fits several images.
        """
        places = self._places.get(name, ())
        if len(places) > 1:
            fitting = " and ".join(shown(path.relative_to(self.root)) for path in places[:2])
            raise InputError(f"{where}: {shown(name)} fits {fitting}; say which.")
        if places:
            return places[0]
        path = inside(self.root, name, where)
        wanted = [path, *(folder / path.relative_to(self.root) for folder in self.folders)]
        for candidate in wanted:
            if os.path.isfile(candidate):
                return candidate
        if PurePosixPath(name).suffix.lower() not in IMAGES:
            for candidate in wanted:
                for ending in IMAGES:
                    if os.path.isfile(f"{candidate}{ending}"):
                        return candidate.with_name(candidate.name + ending)
        return wanted[1 if self.folders else 0]

    def images(self) -> list[Path]:
        """Those in the first folder of images, or in the data folder if there is none."""
        folder = self.folders[0] if self.folders else self.root
        stems = {path for places in self._places.values() for path in places}
        return [path for path in stems if path.parent == folder]
