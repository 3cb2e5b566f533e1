"""`regions:FOLDER` — Visual Genome's regions: boxes with one caption each."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from training.data.sources.objects.annotations import REGION, AnnotatedImage, Annotation
from training.data.sources.objects.image_splits import split_images
from training.data.sources.objects.object_source import ObjectSource
from training.data.sources.reading.defects import Defect
from training.data.sources.reading.image_files import IMAGE_SUFFIXES
from training.data.sources.reading.image_finder import ImageFinder
from training.data.sources.reading.json_files import (
    Id,
    as_floats,
    as_id,
    as_pixels,
    read_json,
    short,
)
from training.data.sources.reading.options import read_whole_number
from training.data.sources.reading.splits import SplitRule
from zoo.errors import InputError
from zoo.files.file_names import inside, shown

_DESCRIPTIONS = "region_descriptions.json"
_IMAGES = "image_data.json"


class RegionFolder(ObjectSource):
    """`regions:FOLDER?val=0.2&…`: `region_descriptions.json`, `image_data.json` and images.

    Samples have `boxes`, `labels` (0, the one class is "region") and `texts`. Captions of whole
    images are opened as `coco:FOLDER?labels=captions`, with the same keys.

    Args:
        root: the data folder, with the images in it, in `images`, or in `VG_100K` and `VG_100K_2`,
            named by `url` or by the image's id.
        val: fraction of the images to validate on without lists `train.txt`, `val.txt`, ….
        split: `hash` (by name), `block` (the last images), `stratified`, or `group:PATTERN`; see
            `SplitRule`.
        fold: `K/N` to validate on the K-th of N parts instead of a fraction.
        limit: maximum number of images, the first ones; `0` for all.
        drop_bad: `1` to drop regions and images with defects.

    Raises:
        InputError: if a file is missing or not in this format.
    """

    def __init__(
        self,
        root: str,
        val: str = "0.2",
        split: str = "hash",
        limit: str = "0",
        drop_bad: str = "",
        fold: str = "",
    ):
        super().__init__(root, drop_bad)
        self._finder = ImageFinder(self.root)
        count = read_whole_number("limit", limit)
        self.object_names = (REGION,)
        self.keys = (*self.keys, "texts")
        descriptions = self.root / _DESCRIPTIONS
        if not descriptions.is_file():
            raise InputError(
                f"{shown(self.root)}: no {_DESCRIPTIONS}; for captions of whole images use "
                f"coco:{shown(self.root)}?labels=captions."
            )
        images = self._images()
        described = self._add_regions(descriptions, images)
        total = len({id(image) for image in images.values()})
        if len(described) < total:
            self.notes.append(
                f"{total - len(described)} images of {_IMAGES} have no regions in "
                f"{_DESCRIPTIONS} and were not read."
            )
        described = described[: count or None]
        rule = SplitRule(val, split, fold)
        for name, part in split_images({"": described}, self, rule).items():
            self.add_images(name, part)

    def _defect(self, path: Path, name: str, problem: str, remedy: str, drop: str) -> bool:
        return self.report(Defect(problem, remedy, name, shown(path), drop=drop, unused=drop))

    def _images(self) -> dict[Id, AnnotatedImage]:
        """Returns the images by id, from `image_data.json`."""
        path = self.root / _IMAGES
        if not path.is_file():
            raise InputError(f"{shown(path)}: no such file; add it for sizes and names of images.")
        files = _image_files(self.root)
        images: dict[Id, AnnotatedImage] = {}
        by_file: dict[Path, Id] = {}
        for index, entry in enumerate(_entries(path)):
            image_id = _image_id(entry)
            if image_id is None:
                self._defect(path, _at(index), "no image_id", "add one", "image")
                continue
            name = f"image {short(image_id)}"
            if image_id in images:
                self._defect(path, name, "repeated image", "remove one", "image")
                continue
            try:
                file = self._file(entry, image_id, files, f"{shown(path)}: {name}")
            except InputError as error:
                problem, _, remedy = str(error).rpartition("; ")
                problem = problem.removeprefix(f"{shown(path)}: {name}: ")
                self._defect(path, name, problem, remedy.rstrip("."), "image")
                continue
            first = by_file.setdefault(file, image_id)
            if first != image_id:
                images[image_id] = images[first]
                problem = f"the same file as image {short(first)}"
                self._defect(path, name, problem, "list it once, with the regions of both", "")
                continue
            size = (as_pixels(entry.get("width")), as_pixels(entry.get("height")))
            stated = size if all(size) else (0, 0)
            number = image_id if isinstance(image_id, int) and abs(image_id) < 2**63 else index
            images[image_id] = AnnotatedImage(file, path, name, *stated, number)
        return images

    def _file(self, entry: Any, image_id: Id, files: dict[str, Path], where: str) -> Path:
        """Returns an image by the end of its URL, or by its id, as Visual Genome names files."""
        url = entry.get("file_name") or entry.get("url")
        names = [str(image_id)]
        if isinstance(url, str):
            names.insert(0, url.rsplit("/", 1)[-1])
        for name in names:
            if name in files:
                return files[name]
        if isinstance(url, str):
            found = self._finder.find(url, self.root)
            if self._finder.has(found.parent, found.name):
                return found
        return inside(self.root, names[0] or str(image_id), where)

    def _add_regions(self, path: Path, images: dict[Id, AnnotatedImage]) -> list[AnnotatedImage]:
        """Adds the regions to their images; returns the images with an entry."""
        described: dict[Id, AnnotatedImage] = {}
        for index, entry in enumerate(_entries(path)):
            image_id = _image_id(entry)
            if image_id is None or image_id not in images:
                problem = f"its image is not in {_IMAGES}"
                self._defect(path, _at(index), problem, "list it there", "image")
                continue
            name = f"image {short(image_id)}"
            regions = entry.get("regions")
            if not isinstance(regions, list):
                problem = f"regions is {short(regions)}"
                self._defect(path, name, problem, "write a list", "image")
                continue
            image = described.setdefault(image_id, images[image_id])
            image.label_file = path
            items = [self._region(path, name, *region) for region in enumerate(regions)]
            image.annotations += [item for item in items if item is not None]
        # An image that is listed twice has two ids.
        return list({id(image): image for image in described.values()}.values())

    def _region(self, path: Path, image: str, index: int, entry: Any) -> Annotation | None:
        """Returns a region, or None after reporting that it has no box or no caption."""
        entry = entry if isinstance(entry, dict) else {}
        region_id = as_id(entry.get("region_id"))
        name = f"region {index + 1} of the list"
        if region_id is not None:
            name = f"region {short(region_id)}"
        box = as_floats([entry.get(key) for key in ("x", "y", "width", "height")])
        phrase = entry.get("phrase")
        if box is None or not isinstance(phrase, str) or not phrase.strip():
            problem = f"box {short(entry.get('x'))} …, phrase {short(phrase)}"
            remedy = "give x, y, width, height in pixels and a phrase"
            self._defect(path, f"{image}, {name}", problem, remedy, "object")
            return None
        x, y, width, height = box
        caption = " ".join(phrase.split())
        return Annotation((x, y, x + width, y + height), 0, name, caption=caption)


def _at(index: int) -> str:
    return f"entry {index + 1} of the list"


def _entries(path: Path) -> list[Any]:
    data = read_json(path)
    if not isinstance(data, list):
        raise InputError(f"{shown(path)}: the top level must be a list, not {short(data)}.")
    return data


def _image_id(entry: Any) -> Id | None:
    if not isinstance(entry, dict):
        return None
    return as_id(entry.get("image_id", entry.get("id")))


def _image_files(root: Path) -> dict[str, Path]:
    """Returns the images by name and by stem, in the folder and in all folders directly below."""
    files: dict[str, Path] = {}
    for folder in [root, *sorted(path for path in root.iterdir() if path.is_dir())]:
        for path in sorted(folder.iterdir()):
            if path.suffix.lower() in IMAGE_SUFFIXES:
                files.setdefault(path.name, path)
                files.setdefault(path.stem, path)
    return files
