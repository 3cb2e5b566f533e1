"""The base class of data sets that annotation tools write."""

from __future__ import annotations

import abc
import os
from collections import Counter
from pathlib import Path

from training.data.sources.annotation_tools.drawn_shapes import DrawnShape
from training.data.sources.objects.annotations import AnnotatedImage, Annotation
from training.data.sources.objects.image_splits import Splits, split_images
from training.data.sources.objects.object_source import ObjectSource
from training.data.sources.reading.defects import Defect
from training.data.sources.reading.image_files import images_below
from training.data.sources.reading.image_finder import ImageFinder
from training.data.sources.reading.image_headers import read_header
from training.data.sources.reading.json_files import short
from training.data.sources.reading.options import read_names
from training.data.sources.reading.splits import SplitRule
from zoo.errors import InputError, nearest
from zoo.files.file_names import shown


class ToolSource(ObjectSource):
    """Base class of the readers of annotation tools' files; a subclass implements `read_files`.

    Args:
        root: the data folder.
        drop_bad: `1` to drop objects and images with defects.
        mask_size: cells along each side of a mask, if there are outlines.

    Attributes:
        listed_names: class names that the files list, as keys in the order of their indices; empty
            if any name is allowed.
        splits: images by split, `""` if it is unknown.
    """

    def __init__(self, root: str, drop_bad: str, mask_size: str):
        super().__init__(root, drop_bad, mask_size)
        self.listed_names: dict[str, None] = {}
        self.splits: Splits = {}
        self._labeled: dict[tuple[str, Path], AnnotatedImage] = {}
        self._indices: dict[str, int] = {}
        self._left_out: Counter[str] = Counter()
        self._named: set[Path] = set()
        self._finder = ImageFinder(self.root)

    @abc.abstractmethod
    def read_files(self) -> None:
        """Reads all label files, and adds their images and objects."""

    def read(self, classes: str, rule: SplitRule) -> None:
        """Reads all files; to be called at the end of the subclass' `__init__`.

        Args:
            classes: class names to use, separated by commas, in the order of their indices; empty
                for all.
            rule: how to split the images if the files do not.
        """
        self.read_files()
        splits = self.splits
        if len(splits) > 1 and (images := splits.pop("", None)):
            names = f"such as {shown(images[0].file)}"
            self.notes.append(f"{len(images)} images belong to no split, {names}; not used.")
        self._name_classes(splits, read_names(classes))
        for what, count in self._left_out.items():
            self.notes.append(f"{count} {what}.")
        self.note_other_images()
        items = (i for images in splits.values() for image in images for i in image.annotations)
        if any(len(item.polygons) or len(item.run_lengths) for item in items):
            self.keys = (*self.keys, "masks")
        for name, images in split_images(splits, self, rule).items():
            self.add_images(name, images)

    def note(self, what: str) -> None:
        """Counts something that is not used, for one note per kind: `3 points are not objects`."""
        self._left_out[what] += 1

    def label_of(self, name: str) -> int:
        """Returns a preliminary class index; final ones are set when all names are known."""
        return self._indices.setdefault(name, len(self._indices))

    def add_object(
        self, image: AnnotatedImage, split: str, record: str, name: object, shape: DrawnShape
    ) -> Annotation:
        """Adds an object to an image; without a class name it is an ignored region, and a defect.

        Args:
            image: the image.
            split: its split.
            record: name of the object in messages.
            name: class name, as stored.
            shape: box and outline.
        """
        if isinstance(name, int) and not isinstance(name, bool):
            name = str(name)
        text = shown(name.strip()) if isinstance(name, str) else ""
        if text and (not self.listed_names or text in self.listed_names):
            item = shape.annotation(self.label_of(text), record)
            image.annotations.append(item)
            return item
        if text:
            problem = f"class {short(text)} is not listed"
            remedy = "correct it or list the class"
        else:
            problem = f"class name {short(name)}" if name else "no class name"
            remedy = "name the class of the object"
        self.object_defect(image, split, record, problem, remedy)
        return self.add_region(image, record, shape)

    def add_region(self, image: AnnotatedImage, record: str, shape: DrawnShape) -> Annotation:
        """Adds a region that is neither object nor background to an image."""
        item = shape.annotation(-1, record)
        item.difficult = True
        image.annotations.append(item)
        return item

    def object_defect(
        self, image: AnnotatedImage, split: str, record: str, problem: str, remedy: str
    ) -> None:
        """Reports an object that cannot be used."""
        record = f"{image.name}, {record}" if image.name else record
        file = shown(image.label_file)
        problem = problem.rstrip(".")
        self.report(Defect(problem, remedy, record, file, split, "object", "object"))

    def part_defect(self, path: Path, split: str, record: str, problem: str, remedy: str) -> None:
        """Reports a value that is not needed."""
        self.report(Defect(problem, remedy, record, shown(path), split, "part"))

    def image_defect(self, path: Path, split: str, record: str, problem: str, remedy: str) -> None:
        """Reports an image that cannot be used."""
        self.splits.setdefault(split, [])
        self.report(Defect(problem, remedy, record, shown(path), split, "image", "image"))

    def file_defect(self, path: Path, split: str, error: InputError, record: str = "") -> None:
        """Reports a label file or entry that cannot be read, whose images are not used."""
        text = str(error).removeprefix(f"{shown(path)}: ").rstrip(".")
        problem, _, remedy = text.rpartition("; ")
        remedy = remedy if problem else "correct it"
        self.image_defect(path, split, record, problem or text, remedy)

    def find_image(self, name: object, folder: Path, shortest: int = 1) -> Path:
        """Returns the path of an image, where it is or where it should be.

        Args:
            name: path, URL or file name, as stored by the tool; see `ImageFinder`.
            folder: folder that the name is relative to.
            shortest: least number of path components that must match.

        Raises:
            InputError: if several files fit, or `name` cannot be the name of a file.
        """
        if not isinstance(name, str) or not name.strip():
            raise InputError(f"image name {short(name)}; name the image's file.")
        path = self._above(name, folder) or self._nearest(name.strip(), folder, shortest)
        self._named.add(path)
        return path

    def _above(self, name: str, folder: Path) -> Path | None:
        """Returns the image of a name with `..`, if it is in the data folder."""
        if ".." not in name:
            return None
        path = Path(os.path.normpath(os.path.join(folder, name.replace("\\", "/"))))
        return path if path.is_relative_to(self.root) and os.path.isfile(path) else None

    def _nearest(self, name: str, folder: Path, shortest: int) -> Path:
        """Returns the image of a name; of several that fit, the one in the nearest folder."""
        failure: InputError | None = None
        while True:
            try:
                return self._finder.find(name, folder, shortest)
            except InputError as error:
                failure = failure or error
            if folder == self.root or not folder.is_relative_to(self.root):
                raise failure
            folder = folder.parent

    def image_of(
        self, path: Path, split: str, record: str, name: object, size: tuple[int, int] = (0, 0)
    ) -> AnnotatedImage | None:
        """Adds an image of a label file and returns it; None if it is not used, which is reported.

        Args:
            path: the label file.
            split: split of the image.
            record: the image's entry in the file; empty if the file is for one image.
            name: name of the image, as stored.
            size: stated width and height in pixels; 0 if unknown.
        """
        try:
            file = self.find_image(name, path.parent)
        except InputError as error:
            self.file_defect(path, split, error, record)
            return None
        return self.add_image(split, AnnotatedImage(file, path, record, *size))

    def add_image(self, split: str, image: AnnotatedImage) -> AnnotatedImage | None:
        """Adds an image to a split.

        Returns the image, or the one of an earlier entry of the same file, or None if another file
        has labels for it.
        """
        known = self._labeled.setdefault((split, image.file), image)
        if known is image:
            self.splits.setdefault(split, []).append(image)
        elif known.label_file != image.label_file:
            files = f"{shown(image.label_file)} have labels in {shown(known.label_file)} too"
            self.note(f"images of {files}, which are used instead")
            return None
        return known

    def size_of_image(self, image: AnnotatedImage) -> tuple[int, int]:
        """Returns height and width, read from the image's header if no file states them."""
        if not (image.width and image.height):
            try:
                header = read_header(image.file)
            except (OSError, ValueError) as error:
                raise ValueError("no size, and the image cannot be read.") from error
            image.width, image.height = header.width, header.height
        return image.height, image.width

    def note_other_images(self) -> None:
        """Notes the images of the folder that no label file names."""
        others = [path for path in images_below(self.root) if path not in self._named]
        if others:
            self.notes.append(
                f"{len(others)} images have no labels, such as {shown(others[0])}; not used."
            )

    def _name_classes(self, splits: Splits, classes: list[str]) -> None:
        """Sets the final class indices and removes objects of classes that are not used."""
        found = list(self._indices)
        names = list(dict.fromkeys([*self.listed_names, *sorted(found)]))
        for name in classes:
            if name not in names:
                available = ", ".join(names[:8])
                raise InputError(
                    f"classes: no object of class {name!r}{nearest(name, names)} "
                    f"Available: {available}."
                )
        self.object_names = tuple(dict.fromkeys(classes)) or tuple(names)
        if not self.object_names:
            return
        indices = {name: index for index, name in enumerate(self.object_names)}
        others: Counter[str] = Counter()
        for images in splits.values():
            for image in images:
                kept = []
                for item in image.annotations:
                    name = found[item.label] if item.label >= 0 else ""
                    if item.label < 0 or name in indices:
                        item.label = indices.get(name, -1)
                        kept.append(item)
                    else:
                        others[name] += 1
                image.annotations = kept
        if others:
            self.notes.append(
                f"classes: {others.total()} objects of {len(others)} other classes "
                f"({', '.join(sorted(others)[:4])}{', …' * (len(others) > 4)}) are left out."
            )


def base_name(name: str) -> str:
    """Returns the file name at the end of a path with `/` or `\\\\`."""
    return os.path.basename(name.replace("\\", "/"))
