"""The records of one JSON file in COCO's form, as images with objects."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

from training.data.sources.objects.annotations import AnnotatedImage, Annotation
from training.data.sources.objects.run_lengths import read_runs
from training.data.sources.reading.defects import Defect
from training.data.sources.reading.json_files import (
    Record,
    identity,
    numbers,
    pixels,
    read_json,
    records_of,
    short,
)
from zoo.errors import InputError
from zoo.files.file_names import inside, shown

Report = Callable[[Defect], bool]
Id = int | str

REGION = "region"


@dataclasses.dataclass(frozen=True)
class Category:
    """A class of objects, its joints with it."""

    name: str
    joints: tuple[str, ...] = ()
    skeleton: tuple[tuple[int, int], ...] = ()


@dataclasses.dataclass
class LabelFile:
    """One JSON file, read and checked record by record.

    Attributes:
        path: the file.
        split: of its images; `""` if it does not say.
        report: takes a defect and says whether to leave out what it is about.
        data: the content.
        categories: by id, in the order of the ids; empty in a file of captions.
    """

    path: Path
    split: str
    report: Report
    data: Any = None
    categories: dict[Id, Category] = dataclasses.field(default_factory=dict)

    def read(self) -> None:
        """Reads the file and its categories.

        Raises:
            InputError: it is not JSON of this form.
        """
        self.data = read_json(self.path)
        records_of(self.data, "images", self.path)
        records_of(self.data, "annotations", self.path)
        if "categories" in self.data:
            found = {}
            for place, record in enumerate(records_of(self.data, "categories", self.path)):
                number, category = self._category(record, place)
                if number in found:
                    raise InputError(
                        f"{shown(self.path)}, category {number}: two categories have this id; give "
                        "each its own."
                    )
                found[number] = category
            self.categories = dict(
                sorted(found.items(), key=lambda c: (isinstance(c[0], str), c[0]))
            )

    def _category(self, record: Any, place: int) -> tuple[Id, Category]:
        where = f"{shown(self.path)}, category {place + 1} of the list"
        number = identity(record.get("id")) if isinstance(record, dict) else None
        name = record.get("name") if isinstance(record, dict) else None
        if number is None or not isinstance(name, str) or not name.strip():
            raise InputError(f"{where}: expected an object with an id and a name.")
        joints = record.get("keypoints", [])
        if not isinstance(joints, list) or not all(isinstance(joint, str) for joint in joints):
            raise InputError(f"{where} ({short(name)}): keypoints is to be a list of names.")
        limbs = []
        skeleton = record.get("skeleton") if joints else None
        for pair in skeleton if isinstance(skeleton, list) else [skeleton] if skeleton else []:
            ends = numbers(pair, 2)
            if ends is None or not all(end in range(1, len(joints) + 1) for end in ends):
                raise InputError(
                    f"{where} ({short(name)}): skeleton is to be a list of pairs of joints from 1 "
                    f"to {len(joints)}, not {short(pair)}."
                )
            limbs.append((int(ends[0]) - 1, int(ends[1]) - 1))
        return number, Category(shown(name.strip()), tuple(map(shown, joints)), tuple(limbs))

    def has(self, key: str) -> bool:
        """Whether any of its annotations says something under a key."""
        records = (record for record in self.data["annotations"] if isinstance(record, dict))
        return any(record.get(key) for record in records)

    def file_names(self) -> list[str]:
        """Names of its images, as far as they have any."""
        images = (image for image in self.data["images"] if isinstance(image, dict))
        return [name for image in images if isinstance(name := image.get("file_name"), str)]

    def defect(self, record: str, problem: str, remedy: str, drop: str = "") -> bool:
        return self.report(Defect(self.split, shown(self.path), record, problem, remedy, drop))

    def images(self, folder: Path) -> dict[Id, AnnotatedImage]:
        """Its images by id, without objects yet.

        Raises:
            InputError: a name leaves the data folder.
        """
        found: dict[Id, AnnotatedImage] = {}
        for place, image in enumerate(self.data["images"]):
            number = identity(image.get("id")) if isinstance(image, dict) else None
            name = image.get("file_name") if isinstance(image, dict) else None
            record = (
                f"image {place + 1} of the list" if number is None else f"image {short(number)}"
            )
            if number is None or not isinstance(name, str):
                self.defect(record, "no id or no file_name", "give it both", "image")
                continue
            record = f"{record} ({shown(name)})"
            file = inside(folder, name, f"{shown(self.path)}, {record}")
            if number in found:
                self.defect(record, "another image has this id", "give each its own", "image")
                continue
            high, wide = image.get("height"), image.get("width")
            if (high, wide) != (None, None) and not (pixels(high) and pixels(wide)):
                problem = f"size {short(wide)} × {short(high)}"
                self.defect(record, problem, "state width and height in pixels")
            sizes = (pixels(wide), pixels(high)) if pixels(wide) and pixels(high) else (0, 0)
            plain = number if isinstance(number, int) and abs(number) < 2**63 else place
            found[number] = AnnotatedImage(file, self.path, record, *sizes, plain)
        return found

    def annotations(self):
        """Its annotations with the image id each names, and what to call each in a message."""
        seen: dict[Id, Record] = {}
        for place, record in enumerate(self.data["annotations"]):
            if not isinstance(record, dict):
                self.defect(
                    f"annotation {place + 1} of the list",
                    f"{short(record)} is no object",
                    "remove it",
                    "object",
                )
                continue
            number = identity(record.get("id"))
            name = (
                f"annotation {place + 1} of the list" if number is None else f"annotation {number}"
            )
            if number is not None and number in seen:
                if seen[number] == record:
                    if self.defect(name, "it is there twice", "remove one", "object"):
                        continue
                else:
                    self.defect(name, "another annotation has this id", "give each its own")
            elif number is not None:
                seen[number] = record
            yield name, record

    def image_of(
        self, name: str, record: Record, images: dict[Id, AnnotatedImage]
    ) -> AnnotatedImage | None:
        """The image an annotation belongs to; without one it can only be reported."""
        number = identity(record.get("image_id"))
        image = None if number is None else images.get(number)
        if image is None:
            problem = f"image_id {short(record.get('image_id'))} is no image of the file"
            self.defect(name, problem, "correct it or remove the annotation", "object")
        return image

    def box(self, name: str, image: AnnotatedImage, record: Record) -> tuple[float, ...] | None:
        """Its box as xyxy; an annotation without one can only be reported."""
        values = numbers(record.get("bbox"), 4)
        if values is None:
            self.defect(
                f"{image.record}, {name}",
                f"bbox {short(record.get('bbox'))}",
                "give x, y, width and height in pixels",
                "object",
            )
            return None
        x, y, wide, high = values
        return (x, y, x + wide, y + high)

    def outline(self, item: Annotation, image: AnnotatedImage, value: Any) -> bool:
        """Puts polygons or runs into an object; False if the object is to be left out.

        One that stays without any is neither a positive nor a negative.
        """
        problem = ""
        if isinstance(value, dict):
            if not image.width and (size := numbers(value.get("size"), 2)):
                image.height, image.width = (pixels(side) for side in size)
            try:
                item.runs = read_runs(value, image.height, image.width)
            except ValueError as error:
                problem = f"segmentation: {short(str(error))}"
        elif isinstance(value, list) and value:
            polygons = [numbers(polygon) for polygon in value]
            item.polygons = [polygon for polygon in polygons if polygon is not None]
            if len(item.polygons) < len(polygons):
                problem = f"segmentation {short(value)} is no list of polygons [x, y, x, y, …]"
        else:
            problem = "no segmentation"
        item.difficult |= not (len(item.polygons) or len(item.runs))
        return not problem or not self.defect(
            f"{image.record}, {item.record}",
            problem,
            "give polygons or an RLE of the image's size",
            "object",
        )

    def joints(self, item: Annotation, image: AnnotatedImage, value: Any, count: int) -> bool:
        """Puts joints into an object, if it has any; False if it is to be left out."""
        joints = numbers(value, 3 * count)
        item.keypoints = joints or ()
        if joints is not None or value is None:
            return True
        return not self.defect(
            f"{image.record}, {item.record}",
            f"keypoints {short(value)} are not {count} times x, y, visibility",
            "give all joints, absent ones as 0, 0, 0",
            "object",
        )

    def caption(self, name: str, image: AnnotatedImage, record: Record) -> Annotation | None:
        """A sentence about the whole image."""
        text = record.get("caption")
        if not isinstance(text, str) or not text.strip():
            problem = f"caption {short(repr(text))}"
            self.defect(f"{image.record}, {name}", problem, "write one or remove it", "object")
            return None
        wide, high = image.width or math.inf, image.height or math.inf
        box = (0.0, 0.0, min(wide, 1e6), min(high, 1e6))
        return Annotation(box, 0, name, text=" ".join(text.split()))
