"""`voc:FOLDER` — Pascal VOC's XML boxes."""

from __future__ import annotations

import os
from pathlib import Path

from training.data.sources.objects.annotations import AnnotatedImage, Annotation
from training.data.sources.objects.image_splits import Splits, split_images
from training.data.sources.objects.instance_maps import MASK_SIZE
from training.data.sources.objects.object_source import ObjectSource
from training.data.sources.reading.defects import Defect
from training.data.sources.reading.image_lookup import ImageIndex
from training.data.sources.reading.options import read_names
from training.data.sources.voc.voc_layout import (
    find_root,
    listed_stems,
    split_folders,
    xml_folder,
    xml_stems,
)
from training.data.sources.voc.voc_xml import XmlFile, XmlObject, read_annotation
from zoo.argument_checks import check_choice
from zoo.errors import InputError, nearest
from zoo.files.file_names import shown


class VocFolder(ObjectSource):
    """`voc:FOLDER?classes=…&pixels=…&…`: images with boxes from one XML file each.

    VOC counts pixels from 1 and includes the last one: a box of the pixels 1…10 becomes [0, 10]. An
    image without an XML file is not read; `notes` counts such images.

    Args:
        root: a folder such as `VOC2012`, its parent, or a folder with images and XML files in
            `images` and `annotations`, or together in `train` and `valid`.
        classes: class names to use, separated by commas, in the order of their class indices; by
            default all, in alphabetical order. Objects of other classes are skipped.
        pixels: `voc`, or `edges` for box edges counted from 0.
        val: fraction of the images to validate on if neither lists nor folders name a split.
        split: `hash` (by name) or `block` (the last images).
        drop_bad: `1` to drop objects and images with defects.
        mask_size: cells along each side of a mask, if there are masks.

    Raises:
        InputError: if the layout is not recognized, or no XML file can be read.
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
        self._from_one = check_choice("pixels", pixels, ("voc", "edges")) == "voc"
        self.root = find_root(self.root)
        self._class_indices: dict[str, int] = {}
        self._at_zero = 0
        splits = split_images(self._splits(), self.root, val, split)
        self._name_classes(splits, read_names(classes))
        if self._at_zero:
            self.notes.append(
                f"{self._at_zero} boxes begin at pixel 0, but VOC counts from 1: for edges counted "
                "from 0, add pixels=edges."
            )
        for name, images in splits.items():
            self.add_images(name, images)

    def _splits(self) -> Splits:
        """Returns the images by split."""
        folder = xml_folder(self.root)
        if folder is None:
            folders = split_folders(self.root)
            if not folders:
                raise InputError(
                    f"{shown(self.root)}: layout not recognized; put XML files into Annotations "
                    "and images into JPEGImages, or both into train and valid."
                )
            return {
                split: self._read(split, path, ImageIndex(path), _unlisted(path))
                for split, path in folders.items()
            }
        index = ImageIndex(self.root)
        lists = listed_stems(self.root, self.lists)
        if not lists:
            stems = _unlisted(folder)
            labeled = {stem for _, stem in stems}
            if count := sum(image.stem not in labeled for image in index.images()):
                self.notes.append(f"{count} images have no XML file and were not read.")
            return {"": self._read("", folder, index, stems)}
        listed = {stem for stems in lists.values() for _, stem in stems}
        if count := sum(stem not in listed for stem in xml_stems(folder)):
            self.notes.append(f"{count} XML files are not listed in any split and were not read.")
        return {split: self._read(split, folder, index, stems) for split, stems in lists.items()}

    def _read(
        self, split: str, folder: Path, index: ImageIndex, stems: list[tuple[str, str]]
    ) -> list[AnnotatedImage]:
        """Reads the XML files of these stems; reports those that cannot be read."""
        images = []
        read: set[str] = set()
        for where, stem in stems:
            path = folder / f"{stem}.xml"
            if stem in read:
                self._defect(split, path, where, "listed twice", "remove one line", "image")
                continue
            read.add(stem)
            if where and not path.is_file():
                problem = f"no such file, but it is listed in {where}"
                self._defect(split, path, "", problem, "label the image", "image")
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
        return self.report(Defect(problem, remedy, record, shown(path), split, drop))

    def _image(self, split: str, path: Path, index: ImageIndex, content: XmlFile) -> AnnotatedImage:
        file = index.find(path.stem, shown(path))
        if not os.path.isfile(file) and content.filename:
            # Some tools rename the XML file; the image it names is the second guess.
            file = index.find(content.filename, shown(path))
        sizes = (content.width, content.height) if content.width and content.height else (0, 0)
        image = AnnotatedImage(file, path, "", *sizes)
        for number, element in enumerate(content.objects, 1):
            item = self._annotation(split, path, f"object {number}", element)
            if item is not None:
                item.instance_id = number
                image.annotations.append(item)
        return image

    def _annotation(
        self, split: str, path: Path, name: str, element: XmlObject
    ) -> Annotation | None:
        """Returns an annotation with a preliminary class index, or None after reporting it."""
        if element.box is None or not element.name:
            problem = element.problem or "no <name>"
            remedy = "add a <name> and a <bndbox> of four numbers"
            self._defect(split, path, name, problem, remedy, "object")
            return None
        x0, y0, x1, y1 = element.box
        if self._from_one and x1 > x0 and y1 > y0:
            self._at_zero += min(x0, y0) == 0
            x0, y0 = x0 - 1, y0 - 1
        # Class indices follow the order of appearance until all classes are known.
        label = self._class_indices.setdefault(element.name, len(self._class_indices))
        return Annotation((x0, y0, x1, y1), label, name, difficult=element.difficult)

    def _name_classes(self, splits: Splits, classes: list[str]) -> None:
        """Sets the final class indices and removes objects of unused classes."""
        names = list(self._class_indices)
        self.object_names = self._select_classes(names, classes)
        indices = {name: index for index, name in enumerate(self.object_names)}
        for images in splits.values():
            for image in images:
                for item in image.annotations:
                    item.label = indices.get(names[item.label], -1)
                image.annotations = [item for item in image.annotations if item.label >= 0]

    def _select_classes(self, names: list[str], classes: list[str]) -> tuple[str, ...]:
        for name in classes:
            if name not in names:
                raise InputError(
                    f"classes: no object of class {name!r}{nearest(name, names)} "
                    f"Available: {', '.join(sorted(names)[:8])}."
                )
        return tuple(classes) or tuple(sorted(names))


def _unlisted(folder: Path) -> list[tuple[str, str]]:
    return [("", stem) for stem in xml_stems(folder)]
