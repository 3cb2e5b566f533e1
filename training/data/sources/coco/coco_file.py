"""One JSON file in COCO's format: its categories, images and annotations."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from training.data.sources.objects.annotations import AnnotatedImage
from training.data.sources.reading.defects import Defect
from training.data.sources.reading.image_finder import ImageFinder
from training.data.sources.reading.json_files import (
    Id,
    JsonObject,
    as_floats,
    as_id,
    as_pixels,
    list_under,
    read_json,
    short,
)
from zoo.errors import InputError, nearest
from zoo.files.file_names import shown

Report = Callable[[Defect], bool]


@dataclasses.dataclass(frozen=True)
class Category:
    """Name, keypoint names, skeleton and group (`supercategory`) of a category."""

    name: str
    keypoints: tuple[str, ...] = ()
    skeleton: tuple[tuple[int, int], ...] = ()
    group: str = ""


@dataclasses.dataclass
class CocoFile:
    """One JSON file, checked entry by entry.

    Attributes:
        path: the file.
        split: split of its images; `""` if unknown.
        report: function that records a defect and returns whether to drop the entry.
        data: content of the file.
        categories: categories by id, in the order of the ids; empty in a file of captions.
        computed_boxes: number of annotations without a box, whose outline gave one.
    """

    path: Path
    split: str
    report: Report
    data: Any = None
    categories: dict[Id, Category] = dataclasses.field(default_factory=dict)
    computed_boxes: int = 0

    def read(self) -> None:
        """Reads the file and its categories."""
        self.data = read_json(self.path, ("images", "annotations", "categories"))
        list_under(self.data, "images", self.path)
        list_under(self.data, "annotations", self.path)
        if "categories" in self.data:
            categories = {}
            for index, entry in enumerate(list_under(self.data, "categories", self.path)):
                category_id, category = self._category(entry, index)
                if category_id in categories:
                    raise InputError(
                        f"{shown(self.path)}: category {category_id}: two categories have this id; "
                        "give each its own."
                    )
                categories[category_id] = category
            self.categories = dict(
                sorted(categories.items(), key=lambda c: (isinstance(c[0], str), c[0]))
            )

    def _category(self, entry: Any, index: int) -> tuple[Id, Category]:
        where = f"{shown(self.path)}: category {index + 1} of the list"
        category_id = as_id(entry.get("id")) if isinstance(entry, dict) else None
        name = entry.get("name") if isinstance(entry, dict) else None
        if category_id is None or not isinstance(name, str) or not name.strip():
            raise InputError(
                f"{where}: a category must be an object with an id and a name, not {short(entry)}."
            )
        where = f"{where} ({short(name)})"
        keypoints = entry.get("keypoints", [])
        if not isinstance(keypoints, list) or not all(isinstance(k, str) for k in keypoints):
            raise InputError(f"{where}: keypoints must be a list of names, not {short(keypoints)}.")
        limbs = []
        skeleton = entry.get("skeleton") if keypoints else None
        for pair in skeleton if isinstance(skeleton, list) else [skeleton] if skeleton else []:
            ends = as_floats(pair, 2)
            if ends is None or not all(end in range(1, len(keypoints) + 1) for end in ends):
                raise InputError(
                    f"{where}: skeleton must be a list of pairs of keypoints from 1 to "
                    f"{len(keypoints)}, not {short(pair)}."
                )
            limbs.append((int(ends[0]) - 1, int(ends[1]) - 1))
        names = tuple(map(shown, keypoints))
        group = entry.get("supercategory")
        group = shown(group.strip()) if isinstance(group, str) else ""
        return category_id, Category(shown(name.strip()), names, tuple(limbs), group)

    def has(self, key: str) -> bool:
        """Returns whether any annotation has a value under a key."""
        entries = (entry for entry in self.data["annotations"] if isinstance(entry, dict))
        return any(entry.get(key) for entry in entries)

    def used_names(self) -> set[str]:
        """Returns the names of the categories that any annotation has."""
        entries = (entry for entry in self.data["annotations"] if isinstance(entry, dict))
        used = {as_id(entry.get("category_id")) for entry in entries}
        return {category.name for number, category in self.categories.items() if number in used}

    def file_names(self) -> list[str]:
        """Returns the file names of the images that have one."""
        images = (image for image in self.data["images"] if isinstance(image, dict))
        return [name for image in images if isinstance(name := image.get("file_name"), str)]

    def defect(self, name: str, problem: str, remedy: str, drop: str = "") -> bool:
        """Reports a defect of an entry; returns whether to drop it."""
        where = (name, shown(self.path), self.split)
        return self.report(Defect(problem, remedy, *where, drop, drop))

    def images(self, finder: ImageFinder, folder: Path) -> dict[Id, AnnotatedImage]:
        """Returns the images by id, without annotations; most of their files are in `folder`."""
        images: dict[Id, AnnotatedImage] = {}
        by_file: dict[Path, Id] = {}
        for index, entry in enumerate(self.data["images"]):
            image_id = as_id(entry.get("id")) if isinstance(entry, dict) else None
            file_name = entry.get("file_name") if isinstance(entry, dict) else None
            name = _name("image", image_id, index)
            if image_id is None or not isinstance(file_name, str):
                problem, remedy = _unnamed(entry, image_id)
                self.defect(name, problem, remedy, "image")
                continue
            name = f"{name} ({shown(file_name)})"
            if image_id in images:
                self.defect(name, "another image has this id", "give each its own", "image")
                continue
            try:
                file = finder.find(file_name, folder)
            except InputError as error:
                problem, _, remedy = str(error).rpartition("; ")
                self.defect(name, problem, remedy.rstrip("."), "image")
                continue
            first = by_file.setdefault(file, image_id)
            if first != image_id:
                # One sample with the objects of both; each alone would lack those of the other.
                images[image_id] = images[first]
                problem = f"the same file as {images[first].name}"
                self.defect(name, problem, "list it once, with the objects of both")
                continue
            images[image_id] = self._image(entry, image_id, index, name, file)
        return images

    def _image(
        self, entry: JsonObject, image_id: Id, index: int, name: str, file: Path
    ) -> AnnotatedImage:
        height, width = entry.get("height"), entry.get("width")
        size = (as_pixels(width), as_pixels(height))
        if (height, width) != (None, None) and not all(size):
            problem = f"size {short(width)} × {short(height)}"
            self.defect(name, problem, "write width and height in pixels")
        stated = size if all(size) else (0, 0)
        number = image_id if isinstance(image_id, int) and abs(image_id) < 2**63 else index
        return AnnotatedImage(file, self.path, name, *stated, number)

    def annotations(self) -> Iterator[tuple[str, JsonObject]]:
        """Yields the name in messages and the content of each annotation."""
        by_id: dict[Id, JsonObject] = {}
        for index, entry in enumerate(self.data["annotations"]):
            if not isinstance(entry, dict):
                problem = f"{short(entry)} is not an object"
                self.defect(_name("annotation", None, index), problem, "remove it", "object")
                continue
            annotation_id = as_id(entry.get("id"))
            name = _name("annotation", annotation_id, index)
            if annotation_id is not None and annotation_id in by_id:
                if by_id[annotation_id] == entry:
                    if self.defect(name, "repeated annotation", "remove one", "object"):
                        continue
                else:
                    self.defect(name, "another annotation has this id", "give each its own")
            elif annotation_id is not None:
                by_id[annotation_id] = entry
            yield name, entry

    def image_of(
        self, name: str, entry: JsonObject, images: dict[Id, AnnotatedImage]
    ) -> AnnotatedImage | None:
        """Returns the image of an annotation, or None after reporting that there is none."""
        image_id = as_id(entry.get("image_id"))
        image = None if image_id is None else images.get(image_id)
        if image is None:
            problem = f"image_id {short(entry.get('image_id'))} is not a usable image of the file"
            self.defect(name, problem, "correct it or remove the annotation", "object")
        return image


def _unnamed(entry: Any, image_id: Id | None) -> tuple[str, str]:
    """Returns problem and remedy of an image without id or file name."""
    if not isinstance(entry, dict):
        return f"{short(entry)} is not an object", "remove it"
    if image_id is None:
        return f"id is {short(entry.get('id'))}", "give it a number"
    if "file_name" in entry:
        return f"file_name is {short(entry['file_name'])}", "write the image's file"
    close = nearest("file_name", map(str, entry)).strip("; ?.")
    return "no file_name", f"{close}? rename it" if close else "add one"


def _name(kind: str, entry_id: Id | None, index: int) -> str:
    """Returns the name of an entry by its id, else by its position."""
    return f"{kind} {index + 1} of the list" if entry_id is None else f"{kind} {short(entry_id)}"
