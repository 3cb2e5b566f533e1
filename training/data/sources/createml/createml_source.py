"""`createml:FOLDER` — CreateML's JSON: a list of images with boxes around their centers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from training.data.sources.annotation_tools.drawn_shapes import (
    DrawnShape,
    read_numbers,
    rectangle,
)
from training.data.sources.annotation_tools.label_files import files_below, split_of_file
from training.data.sources.annotation_tools.tool_source import ToolSource
from training.data.sources.objects.annotations import AnnotatedImage
from training.data.sources.objects.instance_maps import MASK_SIZE
from training.data.sources.reading.json_files import read_json, short
from training.data.sources.reading.splits import SplitRule
from zoo.errors import InputError
from zoo.files.file_names import shown

_IMAGE_KEYS = ("image", "imagefilename", "imageFilename", "filename")
_OBJECT_KEYS = ("annotations", "annotation")


class CreateMlFolder(ToolSource):
    """`createml:FOLDER?classes=…&…`: images with boxes in CreateML's JSON.

    A file is a list of images with annotations of `label` and `coordinates`: center x and y, width
    and height in pixels. The file is for all images or for one split, as `train.json` or
    `train/_annotations.createml.json`.

    Args:
        root: the data folder.
        classes: class names to use, separated by commas, in the order of their class indices; by
            default all, in alphabetical order. Objects of other classes are left out.
        val: fraction of the images to validate on if neither lists nor names name a split.
        split: `hash`, `block`, `stratified`, or `group:PATTERN`; see `SplitRule`.
        fold: `K/N` to validate on the K-th of N parts instead of a fraction.
        drop_bad: `1` to drop objects and images with defects.

    Raises:
        InputError: if there are no files of CreateML.
    """

    def __init__(
        self,
        root: str,
        classes: str = "",
        val: str = "0.2",
        split: str = "hash",
        fold: str = "",
        drop_bad: str = "",
    ):
        super().__init__(root, drop_bad, str(MASK_SIZE))
        self.read(classes, SplitRule(val, split, fold))

    def read_files(self) -> None:
        found = False
        for path in files_below(self.root, (".json",)):
            split = split_of_file(self.root, path)
            try:
                content = read_json(path)
            except InputError as error:
                self.file_defect(path, split, error)
                continue
            if not isinstance(content, list) or not any(map(_is_entry, content)):
                self.note("JSON files are not of CreateML and were not read")
                continue
            found = True
            for number, entry in enumerate(content, 1):
                self._read_image(path, split, number, entry)
        if not (found or self.splits):
            raise InputError(
                f"{shown(self.root)}: no JSON file of CreateML; add one beside the images."
            )

    def _read_image(self, path: Path, split: str, number: int, entry: Any) -> None:
        name = _first(entry, _IMAGE_KEYS)
        objects = _first(entry, _OBJECT_KEYS)
        record = f"image {short(name)}" if isinstance(name, str) else f"entry {number}"
        if not isinstance(objects, list):
            problem = f"{short(entry)} has no list of annotations"
            self.image_defect(path, split, record, problem, "add image and annotations")
            return
        image = self.image_of(path, split, record, name)
        if image is None:
            return
        for index, item in enumerate(objects, 1):
            self._add_object(image, split, f"annotation {index}", item)

    def _add_object(self, image: AnnotatedImage, split: str, record: str, item: Any) -> None:
        coordinates = item.get("coordinates") if isinstance(item, dict) else None
        remedy = "give coordinates x, y, width and height in pixels"
        if not isinstance(coordinates, dict):
            problem = f"{short(item)} has no coordinates"
            self.object_defect(image, split, record, problem, remedy)
            return
        try:
            shape = _box(coordinates)
        except ValueError as error:
            self.object_defect(image, split, record, f"coordinates: {error}", remedy)
            return
        self.add_object(image, split, record, item.get("label"), shape)


def _box(coordinates: dict[str, Any]) -> DrawnShape:
    x, y, width, height = read_numbers(coordinates, "x", "y", "width", "height")
    if width < 0 or height < 0:
        raise ValueError(f"a box of {width:g}×{height:g}.")
    return rectangle([(x - width / 2, y - height / 2), (x + width / 2, y + height / 2)])


def _first(entry: Any, keys: tuple[str, ...]) -> Any:
    """Returns the value of the first of some keys that an object has, or None."""
    found = (entry[key] for key in keys if key in entry) if isinstance(entry, dict) else ()
    return next(iter(found), None)


def _is_entry(entry: Any) -> bool:
    return _first(entry, _IMAGE_KEYS) is not None and _first(entry, _OBJECT_KEYS) is not None
