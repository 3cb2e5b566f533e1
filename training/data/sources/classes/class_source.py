"""`classes:FOLDER` — images of one class each, optionally with box and trimap of the object."""

from __future__ import annotations

import os
import re
from pathlib import Path

import numpy as np
import tensorflow as tf

from training.data.sources.classes.box_and_trimap import (
    box_files,
    class_map_of_trimap,
    read_single_box,
    trimap_files,
)
from training.data.sources.classes.class_entries import Entries, Entry, read_entries
from training.data.sources.objects.annotations import AnnotatedImage, Annotation
from training.data.sources.objects.single_object_source import SingleObjectSource
from training.data.sources.reading.defects import Defect
from training.data.sources.reading.index_maps import assert_same_size, index_map_reader
from training.data.sources.reading.splits import SPLIT_NAMES, SplitRule, apply_rule
from training.data.sources.source import Sample
from zoo.errors import InputError
from zoo.files.file_names import shown
from zoo.files.text_files import numbered_lines

_NAME_FILES = ("classes.txt", "class_names.txt", "labels.txt")
_MAX_CLASSES = 100_000


class ClassFolder(SingleObjectSource):
    """`classes:FOLDER?classes=a,b&boxes=FOLDER&trimaps=FOLDER&val=0.2`: images and classes.

    The folder has one folder per class (`train/CLASS/…`, or `CLASS/…`, of which a fraction of each
    class is for validation); or lists `train.txt`, `val.txt` whose lines are an image and its
    class; or CSV tables with columns `image` and `label`, optionally `split` and the box `xmin,
    ymin, xmax, ymax`.

    If each image shows one object, `box` comes from such columns or from Pascal VOC files
    (`annotations/xmls`), and `segmentation` from trimaps (`annotations/trimaps`: 1 object, 2
    background, 3 border). An image without exactly one box has a box of zeros and is a defect.

    Args:
        root: the data folder.
        classes: class names in the order of their indices, separated by commas; by default the
            names of the folders, the lines of `classes.txt`, or the words in the lists. Class
            indices get the names of their images if these are class and number (`Bengal_105.jpg`).
        boxes: folder of the VOC files; `none` to ignore them.
        trimaps: folder of the trimaps; `none` to ignore them.
        val: fraction of each class to validate on if there is no other split.
        split: `hash` (by name), `block` (the last images), `stratified`, or `group:PATTERN`; see
            `SplitRule`.
        fold: `K/N` to validate on the K-th of N parts instead of a fraction.
        drop_bad: `1` to drop images with defects.

    Raises:
        InputError: if the layout is not recognized.
    """

    def __init__(
        self,
        root: str,
        classes: str = "",
        boxes: str = "",
        trimaps: str = "",
        val: str = "0.2",
        split: str = "hash",
        drop_bad: str = "",
        fold: str = "",
    ):
        super().__init__(root, drop_bad)
        found = read_entries(self.root)
        self.notes += found.notes
        for defect in found.defects:
            self.report(defect)
        self._boxes = {} if found.has_boxes else box_files(self.root, boxes)
        self._trimaps = trimap_files(self.root, trimaps)
        self.keys = ("image", "label")
        if self._boxes or found.has_boxes:
            self.keys += ("box",)
        if self._trimaps:
            self.keys += ("segmentation",)
            self.class_names = ("background", "object")
            self._read_map = index_map_reader(list(self._trimaps.values()))
        for option, files in (("boxes", self._boxes), ("trimaps", self._trimaps)):
            if files:
                folder = next(iter(files.values())).parent.relative_to(self.root)
                self.notes.append(f"{option} are read from {shown(folder)}.")
        self.label_names = self._names(found, classes)
        rule = SplitRule(val, split, fold)
        for part, entries in _splits(self, found.entries, bool(found.defects), rule).items():
            self._add(part, entries)

    def _names(self, found: Entries, classes: str) -> tuple[str, ...]:
        """Returns the class names in the order of their indices."""
        if classes:
            return tuple(name.strip() for name in classes.split(","))
        if found.names:
            return found.names
        words = {entry.label for entry in found.entries}
        listed = next((self.root / n for n in _NAME_FILES if (self.root / n).is_file()), None)
        if listed:
            return tuple(line for _, line in numbered_lines(listed))
        if not all(re.fullmatch(r"\d{1,9}", word) for word in words):
            return tuple(sorted(words))
        count = max(map(int, words), default=-1) + 1
        if count > _MAX_CLASSES:
            raise InputError(
                f"{shown(self.root)}: class index {count - 1}; name the classes in classes.txt."
            )
        stems = _names_from_stems(found.entries, count)
        if stems:
            names = ", ".join(map(shown, stems))
            self.notes.append(f"class names are taken from the image names: {names}.")
        return stems or tuple(map(str, range(count)))

    def _add(self, split: str, entries: list[Entry]) -> None:
        indices = {name: index for index, name in enumerate(self.label_names)}
        first_entries: dict[Path, Entry] = {}
        images: list[AnnotatedImage] = []
        labels, maps = [], []
        for entry in entries:
            label = indices.get(entry.label, -1)
            if label < 0 and entry.label.isdecimal() and int(entry.label) < len(indices):
                label = int(entry.label)
            first = first_entries.setdefault(entry.image, entry)
            if self._is_dropped(split, entry, label, first):
                continue
            image = self._image(split, entry, label)
            if image is not None:
                images.append(image)
                labels.append(label)
                maps.append(os.fsencode(self._trimaps.get(entry.image.stem, "")))
        columns = {"label": np.array(labels, np.int32)}
        if self._trimaps:
            columns["trimap"] = np.array(maps, np.bytes_)
        self.add_single(split, images, columns)

    def _is_dropped(self, split: str, entry: Entry, label: int, first: Entry) -> bool:
        """Reports an unknown class, a repeated image, or a missing trimap."""
        where = (entry.name, shown(entry.file), split, "image")
        if label < 0:
            problem = f"class {shown(entry.label)!r} is not one of {len(self.label_names)} classes"
            self.report(Defect(problem, "correct it", *where, "image"))
            return True
        if first is not entry:
            label_text = "" if first.label == entry.label else f" as class {shown(first.label)}"
            problem = (
                f"{shown(entry.image.name)} is also in {first.name or 'another folder'}{label_text}"
            )
            if self.report(Defect(problem, "keep one of them", *where)):
                return True
        elif self._trimaps and entry.image.stem not in self._trimaps:
            problem = f"no trimap of {shown(entry.image.stem)}"
            self.report(Defect(problem, "add it or remove the image", *where, "image"))
            return True
        return False

    def _image(self, split: str, entry: Entry, label: int) -> AnnotatedImage | None:
        """Returns the image of an entry, or None if it is dropped without its one box."""
        image = AnnotatedImage(entry.image, entry.file, entry.name)
        if "box" not in self.keys:
            return image
        box, problem = entry.box, "no box"
        file = self._boxes.get(entry.image.stem)
        if file is not None:
            image.label_file, image.name = file, ""
            try:
                found = read_single_box(file)
                box = found.box
                problem = found.problem or f"{found.objects} objects instead of one"
                image.width, image.height = found.width, found.height
            except InputError as error:
                problem = str(error).removeprefix(f"{shown(file)}: ").split(";")[0]
        if box is None:
            where = (image.name, shown(image.label_file), split, "image")
            drop = self.report(Defect(problem, "give the image one box", *where, "image"))
            return None if drop else image
        image.annotations.append(Annotation(box, label, "object"))
        return image

    def open(self, record: dict[str, tf.Tensor]) -> Sample:
        sample = super().open(record)
        if "segmentation" in self.keys:
            trimap = self._read_map(record["trimap"])
            check = assert_same_size(sample["image"], trimap, record["trimap"])
            with tf.control_dependencies([check]):
                sample["segmentation"] = class_map_of_trimap(trimap, record["trimap"])
        return sample


def _names_from_stems(entries: list[Entry], count: int) -> tuple[str, ...]:
    """Returns names of class indices from images such as `NAME_7.jpg`; empty if there are none."""
    names: dict[int, str] = {}
    for entry in entries:
        found = re.fullmatch(r"(.*[^\W\d_])[_ -]?\d+", entry.image.stem)
        if not found or names.setdefault(int(entry.label), found[1]) != found[1]:
            return ()
    distinct = len(set(names.values())) == count == len(names)
    return tuple(names[index] for index in range(count)) if distinct else ()


def _splits(
    source: ClassFolder, entries: list[Entry], broken: bool, rule: SplitRule
) -> dict[str, list[Entry]]:
    """Returns entries by split; if there is only one, a fraction of each class is `val`."""
    splits: dict[str, list[Entry]] = {}
    for entry in entries:
        splits.setdefault(entry.split or "train", []).append(entry)
    splits = {split: splits[split] for split in SPLIT_NAMES if split in splits}
    if broken or not splits:
        splits = {"train": [], **splits}  # its lines may be those that cannot be read
    if not entries:
        return splits
    if rule.pattern() or (set(splits) != {"train"} and not rule.fold):
        return apply_rule(splits, source, rule, lambda entry: entry.image)
    by_class: dict[str, list[Entry]] = {}
    for split in ("train", "val"):
        for entry in splits.pop(split, []):
            by_class.setdefault(entry.label, []).append(entry)
    chosen: set[int] = set()
    for label, group in by_class.items():
        if len(group) > 1 or rule.fold:
            names = [f"{label}/{entry.image.stem}" for entry in group]
            held = rule.validated(names, [], None)
            chosen |= {id(entry) for entry, out in zip(group, held, strict=True) if out}
    divided = [entry for group in by_class.values() for entry in group]
    if not chosen:
        problem = "one image of each class is too few; training and validation need one each"
        source.report(Defect(problem, "add images", file=shown(source.root), split="val"))
    train = [entry for entry in entries if entry.split != "test" and id(entry) not in chosen]
    return {"train": train, "val": [entry for entry in divided if id(entry) in chosen], **splits}
