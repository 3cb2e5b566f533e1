"""`voc:FOLDER` — Pascal VOC's XML boxes and class and object maps."""

from __future__ import annotations

import os
from pathlib import Path

from training.data.sources.objects.annotations import AnnotatedImage, Annotation
from training.data.sources.objects.box_frame_masks import MASK_SIZE
from training.data.sources.objects.object_source import ObjectSource
from training.data.sources.reading.defects import Defect
from training.data.sources.reading.image_lookup import ImageIndex
from training.data.sources.reading.splits import Splits, split_up
from training.data.sources.voc.voc_layout import (
    find_root,
    listed,
    split_folders,
    xml_folder,
    xml_stems,
)
from training.data.sources.voc.voc_xml import XmlFile, XmlObject, read_annotation
from zoo.errors import InputError
from zoo.files.file_names import shown


class VocFolder(ObjectSource):
    """`voc:FOLDER?classes=…&pixels=…&…`: images with boxes from one XML file each.

    Pixels are VOC's: counted from 1, the last one included, so that a box of the pixels 1…10 is
    [0, 10]. An image without an annotation file is not read; how many there are is noted.

    Args:
        root: the folder, as `VOC2012`, its parent, or images and XML files in `images` and
            `annotations`, or beside each other in `train` and `valid`.
        classes: names to learn, separated by commas, in this order; all without it, in
            alphabetical order. Objects of others are left out.
        pixels: `voc`, or `edges` for coordinates that are edges of boxes, counted from 0.
        val: share to hold out where neither lists nor folders name validation images.
        split: `hash` (by name) or `block` (the last ones).
        drop_bad: 1 leaves out objects and images that are wrong.
        mask_size: side of the masks in cells, where there are any.

    Raises:
        InputError: the layout is not recognised, or no annotation file can be read.
    """

    lists = "Main"

    def __init__(
        self,
        root: str,
        classes: str = "",
        pixels: str = "voc",
        val: str = "0.2",
        split: str = "hash",
        drop_bad: str = "",
        mask_size: str = str(MASK_SIZE),
    ):
        super().__init__(root, drop_bad, mask_size)
        if pixels not in ("voc", "edges"):
            raise InputError(f"pixels={pixels}: expected voc or edges.")
        self._from_one = pixels == "voc"
        self.root = find_root(self.root)
        self._numbers: dict[str, int] = {}
        self._at_zero = 0
        splits = split_up(self._splits(), self.root, val, split)
        self._name_classes(splits, [name.strip() for name in classes.split(",") if name.strip()])
        if self._at_zero:
            self.notes.append(
                f"{self._at_zero} boxes begin at pixel 0, but VOC counts from 1: if their numbers "
                "are edges counted from 0, add pixels=edges"
            )
        for name, images in splits.items():
            self.add_images(name, images)

    def _splits(self) -> Splits:
        """Images with objects by split."""
        folder = xml_folder(self.root)
        if folder is None:
            folders = split_folders(self.root)
            if not folders:
                raise InputError(
                    f"{shown(self.root)}: layout not recognised; expected XML files in Annotations "
                    "and images in JPEGImages, or both in train and valid."
                )
            return {
                split: self._read(split, place, ImageIndex(place), self._found(place))
                for split, place in folders.items()
            }
        index = ImageIndex(self.root)
        lists = listed(self.root, self.lists)
        if not lists:
            stems = self._found(folder)
            known = {stem for _, stem in stems}
            self._note_unlabelled(sum(p.stem not in known for p in index.images()))
            return {"": self._read("", folder, index, stems)}
        named = {stem for stems in lists.values() for _, stem in stems}
        unlisted = sum(stem not in named for stem in xml_stems(folder))
        if unlisted:
            self.notes.append(f"{unlisted} annotation files are on no list and were not read")
        return {split: self._read(split, folder, index, stems) for split, stems in lists.items()}

    def _found(self, folder: Path) -> list[tuple[str, str]]:
        return [("", stem) for stem in xml_stems(folder)]

    def _note_unlabelled(self, count: int) -> None:
        if count:
            self.notes.append(f"{count} images have no annotation file and were not read")

    def _read(
        self, split: str, folder: Path, index: ImageIndex, stems: list[tuple[str, str]]
    ) -> list[AnnotatedImage]:
        """Reads the annotation files of these stems; those that cannot be read are reported."""
        images = []
        seen: set[str] = set()
        for where, stem in stems:
            path = folder / f"{stem}.xml"
            if stem in seen:
                remedy = "take it off the list once"
                self._defect(split, path, where, "it is listed twice", remedy, "image")
                continue
            seen.add(stem)
            if where and not path.is_file():
                problem, remedy = f"{where} names it, but it is not there", "label the image"
                self._defect(split, path, "", problem, remedy, "image")
                continue
            try:
                content = read_annotation(path)
            except InputError as error:
                problem, _, remedy = str(error).removeprefix(f"{shown(path)}: ").rpartition("; ")
                self._defect(split, path, "", problem, remedy.rstrip("."), "image")
                continue
            images.append(self._image(split, path, index, content))
        return images

    def _defect(
        self, split: str, path: Path, record: str, problem: str, remedy: str, drop: str = ""
    ) -> bool:
        return self.report(Defect(split, shown(path), record, problem, remedy, drop))

    def _image(self, split: str, path: Path, index: ImageIndex, content: XmlFile) -> AnnotatedImage:
        file = index.find(path.stem, shown(path))
        if not os.path.isfile(file) and content.filename:
            # Some tools rename the XML file; what it says of its image is the second guess.
            file = index.find(content.filename, shown(path))
        sizes = (content.width, content.height) if content.width and content.height else (0, 0)
        image = AnnotatedImage(file, path, "", *sizes)
        for place, found in enumerate(content.objects):
            item = self._object(split, path, f"object {place + 1}", found)
            if item is not None:
                item.number = place + 1
                image.objects.append(item)
        return image

    def _object(self, split: str, path: Path, record: str, found: XmlObject) -> Annotation | None:
        """An object whose class is still to be found; one without a box can only be reported."""
        if found.sides is None or not found.name:
            problem = found.problem or "it has no <name>"
            remedy = "give it a <name> and a <bndbox> of four numbers"
            self._defect(split, path, record, problem, remedy, "object")
            return None
        x0, y0, x1, y1 = found.sides
        if self._from_one and x1 > x0 and y1 > y0:
            self._at_zero += min(x0, y0) == 0
            x0, y0 = x0 - 1, y0 - 1
        # Classes are numbered as they come until all are known.
        label = self._numbers.setdefault(found.name, len(self._numbers))
        return Annotation((x0, y0, x1, y1), label, record, difficult=found.difficult)

    def _name_classes(self, splits: Splits, wanted: list[str]) -> None:
        """Numbers the classes and leaves out the objects of those not wanted."""
        names = list(self._numbers)
        self.object_names = self._choose_names(names, wanted)
        numbers = {name: number for number, name in enumerate(self.object_names)}
        for images in splits.values():
            for image in images:
                for item in image.objects:
                    item.label = numbers.get(names[item.label], -1)
                image.objects = [item for item in image.objects if item.label >= 0]

    def _choose_names(self, names: list[str], wanted: list[str]) -> tuple[str, ...]:
        for name in wanted:
            if name not in names:
                known = ", ".join(sorted(names)[:8])
                raise InputError(f"classes={name}: no object has this name; there are {known}.")
        return tuple(wanted) or tuple(sorted(names))
