"""`regions:FOLDER` — Visual Genome's regions: boxes with a sentence each."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from training.data.sources.coco.coco_records import REGION, Id
from training.data.sources.objects.annotations import AnnotatedImage, Annotation
from training.data.sources.objects.object_source import ObjectSource
from training.data.sources.reading.defects import Defect
from training.data.sources.reading.image_files import IMAGES
from training.data.sources.reading.json_files import identity, numbers, pixels, read_json, short
from training.data.sources.reading.splits import split_up
from zoo.errors import InputError
from zoo.files.file_names import inside, shown

_DESCRIPTIONS = "region_descriptions.json"
_IMAGES = "image_data.json"


class RegionFolder(ObjectSource):
    """`regions:FOLDER?val=0.2&…`: `region_descriptions.json`, `image_data.json` and images.

    Samples have `boxes`, `labels` (0, the one class is "region") and `texts`. Sentences about whole
    images are `coco:FOLDER?labels=captions`, which gives the same keys.

    Args:
        root: the folder; the images lie in it, in `images`, or in `VG_100K` and `VG_100K_2`, and
            are named by `url` or by the image's id.
        val: share to hold out where no `train.txt`, `val.txt`, … name the images.
        split: `hash` (by name) or `block` (the last ones).
        limit: at most so many images, the first ones; 0 for all.
        drop_bad: 1 leaves out regions and images that are wrong.

    Raises:
        InputError: a file is missing or not of this form.
    """

    def __init__(
        self,
        root: str,
        val: str = "0.2",
        split: str = "hash",
        limit: str = "0",
        drop_bad: str = "",
    ):
        super().__init__(root, drop_bad)
        if not (limit.isdecimal() and len(limit) < 10):
            raise InputError(f"limit={limit}: expected a whole number from 0 on.")
        self.object_names = (REGION,)
        self.keys = (*self.keys, "texts")
        descriptions = self.root / _DESCRIPTIONS
        if not descriptions.is_file():
            raise InputError(
                f"{shown(self.root)}: no {_DESCRIPTIONS}; for captions of whole images use "
                f"coco:{shown(self.root)}?labels=captions."
            )
        images = self._images()
        described = self._described(descriptions, images)
        if len(described) < len(images):
            self.notes.append(
                f"{len(images) - len(described)} images of {_IMAGES} have no regions in "
                f"{_DESCRIPTIONS} and were not read"
            )
        described = described[: int(limit) or None]
        for name, chosen in split_up({"": described}, self.root, val, split).items():
            self.add_images(name, chosen)

    def _defect(self, path: Path, record: str, problem: str, remedy: str, drop: str) -> bool:
        return self.report(Defect("", shown(path), record, problem, remedy, drop))

    def _images(self) -> dict[Id, AnnotatedImage]:
        """The images by id, from `image_data.json`."""
        path = self.root / _IMAGES
        if not path.is_file():
            raise InputError(f"{shown(path)}: no such file; it tells the images' sizes and names.")
        places = _image_places(self.root)
        found: dict[Id, AnnotatedImage] = {}
        for place, record in enumerate(_listed(path)):
            number = _id_of(record)
            if number is None:
                where = f"record {place + 1} of the list"
                self._defect(path, where, "no image_id", "give it one", "image")
                continue
            name = f"image {short(number)}"
            if number in found:
                self._defect(path, name, "it is there twice", "remove one", "image")
                continue
            file = self._file(record, number, places, f"{shown(path)}, {name}")
            sizes = (pixels(record.get("width")), pixels(record.get("height")))
            plain = number if isinstance(number, int) and abs(number) < 2**63 else place
            found[number] = AnnotatedImage(
                file, path, name, *(sizes if all(sizes) else (0, 0)), plain
            )
        return found

    def _file(self, record: Any, number: Id, places: dict[str, Path], where: str) -> Path:
        """An image by its id, as Visual Genome names files, or by the end of its address."""
        url = record.get("file_name") or record.get("url")
        words = [str(number)]
        if isinstance(url, str):
            words.insert(0, url.rsplit("/", 1)[-1])
        for word in words:
            if word in places:
                return places[word]
        return inside(self.root, words[0] or str(number), where)

    def _described(self, path: Path, images: dict[Id, AnnotatedImage]) -> list[AnnotatedImage]:
        """The images of which the file of descriptions speaks, with their regions."""
        found: dict[Id, AnnotatedImage] = {}
        for place, record in enumerate(_listed(path)):
            number = _id_of(record)
            where = f"record {place + 1} of the list"
            if number is None or number not in images:
                problem = f"its image is not in {_IMAGES}"
                self._defect(path, where, problem, "list it there", "image")
                continue
            where = f"image {short(number)}"
            regions = record.get("regions")
            if not isinstance(regions, list):
                problem = f"regions is {short(regions)}"
                self._defect(path, where, problem, "give a list", "image")
                continue
            image = found.setdefault(number, images[number])
            image.labels = path
            items = [self._region(path, where, *entry) for entry in enumerate(regions)]
            image.objects += [item for item in items if item is not None]
        return list(found.values())

    def _region(self, path: Path, where: str, index: int, region: Any) -> Annotation | None:
        """A region as an object; one without box or sentence can only be reported."""
        region = region if isinstance(region, dict) else {}
        number = identity(region.get("region_id"))
        name = f"region {index + 1} of the list" if number is None else f"region {short(number)}"
        box = numbers([region.get(key) for key in ("x", "y", "width", "height")])
        phrase = region.get("phrase")
        if box is None or not isinstance(phrase, str) or not phrase.strip():
            problem = f"box {short(region.get('x'))} …, phrase {short(phrase)}"
            remedy = "give x, y, width, height in pixels and a phrase"
            self._defect(path, f"{where}, {name}", problem, remedy, "object")
            return None
        x, y, wide, high = box
        return Annotation((x, y, x + wide, y + high), 0, name, text=" ".join(phrase.split()))


def _listed(path: Path) -> list[Any]:
    data = read_json(path)
    if not isinstance(data, list):
        raise InputError(f"{shown(path)}: expected a list of records, one per image.")
    return data


def _id_of(record: Any) -> Id | None:
    if not isinstance(record, dict):
        return None
    return identity(record.get("image_id", record.get("id")))


def _image_places(root: Path) -> dict[str, Path]:
    """Images by name and by stem, in the folder and in all folders directly below it."""
    found: dict[str, Path] = {}
    for folder in [root, *sorted(path for path in root.iterdir() if path.is_dir())]:
        for path in sorted(folder.iterdir()):
            if path.suffix.lower() in IMAGES:
                found.setdefault(path.name, path)
                found.setdefault(path.stem, path)
    return found
