"""`voc:FOLDER` — Pascal VOC's XML boxes."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from training.data.sources.objects.annotations import AnnotatedImage, Annotation
from training.data.sources.objects.image_splits import Splits, split_images
from training.data.sources.objects.instance_maps import MASK_SIZE
from training.data.sources.objects.object_checks import any_outline
from training.data.sources.objects.object_source import ObjectSource
from training.data.sources.reading.defects import Defect
from training.data.sources.reading.folder_layout import IMAGE_FOLDERS
from training.data.sources.reading.image_finder import ImageFinder
from training.data.sources.reading.options import read_names
from training.data.sources.reading.similar_class_names import similar_names
from training.data.sources.reading.splits import SplitRule, split_from_name
from training.data.sources.voc.voc_layout import find_root, find_xml_files
from training.data.sources.voc.voc_xml import XmlFile, XmlObject, read_annotation
from zoo.argument_checks import check_choice
from zoo.errors import InputError, nearest
from zoo.files.file_names import shown


class VocFolder(ObjectSource):
    """`voc:FOLDER?classes=…&pixels=…&…`: images with boxes from one XML file each.

    VOC counts pixels from 1 and includes the last one: a box of the pixels 1…10 becomes [0, 10].
    Outlines (`<polygon>`) give `masks`. An image without an XML file is not read; `notes` counts
    such images.

    Args:
        root: a folder such as `VOC2012`, its parent, or any folder with images and XML files:
            apart in `images` and `annotations`, or together in one folder, in `train` and
            `valid`, or in other sub-folders.
        classes: class names to use, separated by commas, in the order of their class indices; by
            default all, in alphabetical order. Objects of other classes are skipped.
        pixels: `voc`, or `edges` for box edges counted from 0.
        val: fraction of the images to validate on if neither lists nor folders name a split.
        split: `hash` (by name), `block` (the last images), `stratified`, or `group:PATTERN`; see
            `SplitRule`.
        fold: `K/N` to validate on the K-th of N parts instead of a fraction.
        drop_bad: `1` to drop objects and images with defects.
        mask_size: cells along each side of a mask, if there are masks.

    Raises:
        InputError: if the layout is not recognized, or no XML file can be read.
    """

    lists = "Main"
    numbered = False

    def __init__(
        self,
        root: str,
        classes: str = "",
        pixels: str = "voc",
        val: str = "0.2",
        split: str = "hash",
        drop_bad: str = "",
        mask_size: str = str(MASK_SIZE),
        fold: str = "",
    ):
        super().__init__(root, drop_bad, mask_size)
        self._from_one = check_choice("pixels", pixels, ("voc", "edges")) == "voc"
        self.root = find_root(self.root)
        self._maps = self.root / "SegmentationClass"
        self._class_indices: dict[str, int] = {}
        self._at_zero = 0
        self._unread: set[Path] = set()
        splits = split_images(self._splits(), self, SplitRule(val, split, fold))
        self._name_classes(splits, read_names(classes))
        self.notes += similar_names(self.object_names)
        if any(any_outline(images) for images in splits.values()):
            self.keys = (*self.keys, "masks")
        if self._maps.is_dir() and not self.numbered:
            self.notes.append(
                f"{shown(self._maps.name)}: add maps=1 to read its maps, too; color maps: masks:."
            )
        if self._at_zero:
            self.notes.append(
                f"{self._at_zero} boxes begin at pixel 0, but VOC counts from 1: for edges counted "
                "from 0, add pixels=edges."
            )
        for name, images in splits.items():
            self.add_images(name, images)

    def provide(self, keys: Iterable[str]) -> None:
        """Adds class maps of polygons; InputError names the option that reads those of the folder.

        Such maps are only read with `maps=1`, as their values need the order of the classes.
        """
        keys = set(keys)
        super().provide(keys)
        missing = keys & {"segmentation", "instances", "masks"} - {*self.keys}
        if missing and self._maps.is_dir():
            raise InputError(
                f"{self.spec or shown(self.root)}: the maps in {shown(self._maps)} are read with "
                "maps=1 (see also classes=…), or without the boxes, also in color, as masks:DIR."
            )

    def _splits(self) -> Splits:
        """Returns the images by split."""
        finder = ImageFinder(self.root)
        files = find_xml_files(self, self.lists)
        splits = {split: self._read(split, paths, finder) for split, paths in files.items()}
        if set(files) == {""}:
            used = {image.file for image in splits[""]} | self._unread
            folders = {file.parent for file in used}
            if count := sum(image not in used for image in finder.beside(folders)):
                self.notes.append(f"{count} images have no XML file and were not read.")
        return splits

    def _read(self, split: str, paths: list[Path], finder: ImageFinder) -> list[AnnotatedImage]:
        """Reads XML files; reports those that cannot be read, or have the image of another."""
        images: list[AnnotatedImage] = []
        by_file: dict[Path, Path] = {}
        for path in paths:
            content, error = XmlFile([], 0, 0, []), ""
            file = path.with_suffix(".jpg")
            try:
                content = read_annotation(path)
            except InputError as found:
                error = str(found)
            try:
                file = self._find(finder, path, content.names)
            except InputError as found:
                error = error or str(found)
            if error:
                self._unread.add(file)
                problem, _, remedy = error.removeprefix(f"{shown(path)}: ").rpartition("; ")
                self._defect(split, path, "", problem, remedy.rstrip("."), "image")
                continue
            first = by_file.setdefault(file, path)
            if first != path:
                problem = f"its image {shown(file.name)} is that of {shown(first)}"
                self._defect(split, path, "", problem, "keep one of the XML files", "image")
                continue
            images.append(self._image(split, path, file, content))
        return images

    def _find(self, finder: ImageFinder, path: Path, names: list[str]) -> Path:
        """Returns the image of an XML file; if there is none, the path where it should be.

        Some tools rename the XML files; the image that one names is the second guess.
        """
        place = os.path.relpath(path, self.root).split(os.sep)[0]
        folder = self.root / place if split_from_name(place) else path.parent
        try:
            file = finder.labeled_by(path, folder)
        except InputError:
            if not names:
                raise
            file = None  # such as a.jpg and a.png
        if file is not None:
            return file
        for name in names:
            file = finder.find(name, folder)
            if finder.has(file.parent, file.name):
                return file
        folders = [self.root / name for name in IMAGE_FOLDERS if (self.root / name).is_dir()]
        return [*folders, path.parent][0] / f"{path.stem}.jpg"

    def _defect(
        self, split: str, path: Path, record: str, problem: str, remedy: str, drop: str = ""
    ) -> bool:
        return self.report(Defect(problem, remedy, record, shown(path), split, drop, drop))

    def _image(self, split: str, path: Path, file: Path, content: XmlFile) -> AnnotatedImage:
        sizes = (content.width, content.height) if content.width and content.height else (0, 0)
        image = AnnotatedImage(file, path, "", *sizes)
        for number, element in enumerate(content.objects, 1):
            item = self._annotation(split, path, f"object {number}", element)
            if item is not None:
                item.instance_id = number if self.numbered else 0
                image.annotations.append(item)
        return image

    def _annotation(
        self, split: str, path: Path, name: str, element: XmlObject
    ) -> Annotation | None:
        """Returns an annotation with a preliminary class index, −1 without a name.

        Returns None without a box; both are reported.
        """
        if element.box is None or not element.name:
            problem = element.problem or "no <name>"
            remedy = "add a <name> and a <bndbox> of four numbers"
            self._defect(split, path, name, problem, remedy, "object")
        if element.box is None:
            return None
        x0, y0, x1, y1 = element.box
        if self._from_one and not element.computed and x1 > x0 and y1 > y0:
            self._at_zero += min(x0, y0) == 0
            x0, y0 = x0 - 1, y0 - 1
        # Class indices follow the order of appearance until all classes are known.
        indices = self._class_indices
        label = indices.setdefault(element.name, len(indices)) if element.name else -1
        polygons = [element.polygon] if element.polygon else []
        box = (x0, y0, x1, y1)
        return Annotation(box, label, name, difficult=element.difficult, polygons=polygons)

    def _name_classes(self, splits: Splits, classes: list[str]) -> None:
        """Sets the final class indices and removes objects of unused classes."""
        names = list(self._class_indices)
        self.object_names = self._select_classes(names, classes)
        indices = {name: index for index, name in enumerate(self.object_names)}
        # Objects without a name remain, as ignored regions.
        final = {-1: -1, **{i: indices[n] for i, n in enumerate(names) if n in indices}}
        for images in splits.values():
            for image in images:
                image.annotations = [item for item in image.annotations if item.label in final]
                for item in image.annotations:
                    item.label = final[item.label]

    def _select_classes(self, names: list[str], classes: list[str]) -> tuple[str, ...]:
        for name in classes:
            if name not in names:
                raise InputError(
                    f"classes: no object of class {name!r}{nearest(name, names)} "
                    f"Available: {', '.join(sorted(names)[:8])}."
                )
        return tuple(classes) or tuple(sorted(names))
