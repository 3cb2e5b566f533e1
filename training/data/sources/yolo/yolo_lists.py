"""Lists of images of a YOLO data set, one per line."""

from __future__ import annotations

import os
from pathlib import Path

from training.data.sources.reading.defects import Defect
from training.data.sources.reading.image_files import IMAGE_SUFFIXES
from training.data.sources.reading.image_finder import ImageFinder
from training.data.sources.reading.split_lists import list_lines, match_line
from training.data.sources.reading.splits import Reader
from zoo.errors import InputError
from zoo.files.file_names import shown


def read_list(
    path: Path, split: str, base: Path, finder: ImageFinder, reader: Reader
) -> list[Path]:
    """Returns the images of a list; an image may be listed several times.

    Paths are relative to `base` or to the list's folder. A path of another machine is found by its
    tail of two or more components, such as `obj_train_data/a.jpg`. Lines that name no image become
    defects of `reader`.
    """
    folders = list(dict.fromkeys((base, path.parent, finder.root)))

    def find(text: str) -> Path | None:
        name = text.replace("\\", "/").removeprefix("./")
        if os.path.splitext(name)[1].lower() not in IMAGE_SUFFIXES:
            return None
        for folder in folders:
            if finder.has(folder, name):
                return folder / name
        file = finder.find(text, base, shortest=2)
        return file if finder.has(file.parent, file.name) else None

    images: list[Path] = []
    defects: list[Defect] = []
    for number, line in list_lines(path, find, reader):
        problem, remedy = f"no such image {shown(line)}", "restore the file or correct the list"
        try:
            found, unknown = match_line(line, find)
        except InputError as error:
            found, unknown = [], [line]
            problem, _, remedy = str(error).rpartition("; ")
        images += found
        if unknown:
            problem = f"no such image {shown(' '.join(unknown))}" if found else problem
            where = {"record": f"line {number}", "file": shown(path), "split": split}
            defects.append(
                Defect(problem, remedy.rstrip("."), drop="image", unused="image", **where)
            )
    if defects and not images:
        problem = f"none of its {len(defects)} images is here: {defects[0].problem}"
        remedy = "put the images there or correct the list"
        defects = [Defect(problem, remedy, "", shown(path), split, unused="image")]
    for defect in defects:
        reader.report(defect)
    return images
