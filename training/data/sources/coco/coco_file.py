"""One JSON file in COCO's format: its categories, images and annotations."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from training.data.sources.objects.annotations import AnnotatedImage
from training.data.sources.reading.defects import Defect
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
from zoo.errors import InputError
from zoo.files.file_names import inside, shown

Report = Callable[[Defect], bool]


@dataclasses.dataclass(frozen=True)
class Category:
    """Name, keypoint names and skeleton of a category."""

    name: str
    keypoints: tuple[str, ...] = ()
    skeleton: tuple[tuple[int, int], ...] = ()


@dataclasses.dataclass
class CocoFile:
    """One JSON file, checked entry by entry.

    Attributes:
        path: the file.
        split: split of its images; `""` if unknown.
        report: function that records a defect and returns whether to drop the entry.
        data: content of the file.
        categories: categories by id, in the order of the ids; empty in a file of captions.
    """

    path: Path
    split: str
    report: Report
    data: Any = None
    categories: dict[Id, Category] = dataclasses.field(default_factory=dict)

    def read(self) -> None:
        """Reads the file and its categories."""
        self.data = read_json(self.path)
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
        return category_id, Category(shown(name.strip()), names, tuple(limbs))

    def has(self, key: str) -> bool:
        """Returns whether any annotation has a value under a key."""
        entries = (entry for entry in self.data["annotations"] if isinstance(entry, dict))
        return any(entry.get(key) for entry in entries)

    def file_names(self) -> list[str]:
        """Returns the file names of the images that have one."""
        images = (image for image in self.data["images"] if isinstance(image, dict))
        return [name for image in images if isinstance(name := image.get("file_name"), str)]

    def defect(self, name: str, problem: str, remedy: str, drop: str = "") -> bool:
        """Reports a defect of an entry; returns whether to drop it."""
        return self.report(Defect(problem, remedy, name, shown(self.path), self.split, drop))

    def images(self, folder: Path) -> dict[Id, AnnotatedImage]:
        """Returns the images by id, without annotations; `folder` contains their files."""
        images: dict[Id, AnnotatedImage] = {}
        for index, entry in enumerate(self.data["images"]):
            image_id = as_id(entry.get("id")) if isinstance(entry, dict) else None
            file_name = entry.get("file_name") if isinstance(entry, dict) else None
            name = _name("image", image_id, index)
            if image_id is None or not isinstance(file_name, str):
                self.defect(name, "no id or no file_name", "add both", "image")
                continue
            name = f"{name} ({shown(file_name)})"
            file = inside(folder, file_name, f"{shown(self.path)}: {name}")
            if image_id in images:
                self.defect(name, "another image has this id", "give each its own", "image")
                continue
            height, width = entry.get("height"), entry.get("width")
            size = (as_pixels(width), as_pixels(height))
            if (height, width) != (None, None) and not all(size):
                problem = f"size {short(width)} × {short(height)}"
                self.defect(name, problem, "write width and height in pixels")
            stated = size if all(size) else (0, 0)
            number = image_id if isinstance(image_id, int) and abs(image_id) < 2**63 else index
            images[image_id] = AnnotatedImage(file, self.path, name, *stated, number)
        return images

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
            problem = f"image_id {short(entry.get('image_id'))} is not an image of the file"
            self.defect(name, problem, "correct it or remove the annotation", "object")
        return image


def _name(kind: str, entry_id: Id | None, index: int) -> str:
    """Returns the name of an entry by its id, else by its position."""
    return f"{kind} {index + 1} of the list" if entry_id is None else f"{kind} {short(entry_id)}"
