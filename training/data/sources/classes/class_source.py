"""`classes:FOLDER` — images of one class each, perhaps with the thing's box and trimap."""

from __future__ import annotations

import os
import re
from pathlib import Path

import numpy as np
import tensorflow as tf

from training.data.sources.classes.box_and_trimap import (
    box_files,
    classes_of_trimap,
    read_one_box,
    trimap_files,
)
from training.data.sources.classes.class_records import Entries, Entry, read_entries
from training.data.sources.objects.annotations import AnnotatedImage, Annotation
from training.data.sources.objects.box_frame_masks import MASK_SIZE
from training.data.sources.objects.single_object_source import OneObjectSource
from training.data.sources.reading.defects import Defect
from training.data.sources.reading.folder_layout import SPLIT_NAMES, held_out
from training.data.sources.reading.image_files import index_map_reader, same_size
from training.data.sources.source import Sample
from zoo.errors import InputError
from zoo.files.file_names import shown
from zoo.files.text_files import numbered_lines

_NAME_FILES = ("classes.txt", "class_names.txt", "labels.txt")
_MOST_CLASSES = 100_000


class ClassFolder(OneObjectSource):
    """`classes:FOLDER?classes=a,b&boxes=FOLDER&trimaps=FOLDER&val=0.2`: images and classes.

    A folder for each class (`train/CLASS/…`, or `CLASS/…` of which a share of each class is held
    out); or lists `train.txt`, `val.txt` whose lines are an image and its class; or CSV tables
    with columns `image` and `label`, perhaps `split` and the box `xmin, ymin, xmax, ymax`.

    Where the images show one thing each, `box` comes from such columns or from Pascal VOC files
    (`annotations/xmls`), and `segmentation` from trimaps (`annotations/trimaps`: 1 the thing, 2
    background, 3 open). An image without exactly one box has a box of zeros and is a defect.

    Args:
        root: the data folder.
        classes: names of the classes in order, separated by commas; else those of the folders,
            of `classes.txt`, or the words in the lists. Numbers get the names of their images
            where these are the class and a number (`Bengal_105.jpg`).
        boxes, trimaps: the folder of the VOC files and of the trimaps, `none` to leave them.
        val: share of each class to hold out where nothing names validation images.
        split: `"hash"` (by name) or `"block"` (the last ones in order).
        drop_bad: 1 leaves out what is wrong where that is safe.

    Raises:
        InputError: the layout is not recognised.
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
    ):
        super().__init__(root, drop_bad, str(MASK_SIZE))
        found = read_entries(self.root)
        self.notes += found.notes
        for file, record, problem, remedy in found.faults:
            self.report(Defect("", shown(file), record, problem, remedy, "image"))
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
                self.notes.append(f"{option} are read from {shown(folder)}")
        self.label_names = self._names(found, classes)
        for part, entries in _split(found.entries, val, split).items():
            self._add(part, entries)

    def _names(self, found: Entries, classes: str) -> tuple[str, ...]:
        """Names of the classes in order of their numbers."""
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
        if count > _MOST_CLASSES:
            raise InputError(
                f"{shown(self.root)}: class number {count - 1}; name the classes in classes.txt."
            )
        stems = _names_of_stems(found.entries, count)
        if stems:
            self.notes.append(f"classes are named as their images: {', '.join(map(shown, stems))}")
        return stems or tuple(map(str, range(count)))

    def _add(self, split: str, entries: list[Entry]) -> None:
        numbers = {name: number for number, name in enumerate(self.label_names)}
        seen: dict[Path, Entry] = {}
        images: list[AnnotatedImage] = []
        labels, maps = [], []
        for entry in entries:
            where = (split, shown(entry.file), entry.record)
            label = numbers.get(entry.label, -1)
            if label < 0 and entry.label.isdecimal() and int(entry.label) < len(numbers):
                label = int(entry.label)
            first = seen.setdefault(entry.image, entry)
            stem = entry.image.stem
            if label < 0:
                known = f"one of {len(numbers)} classes"
                fault = (f"class {shown(entry.label)!r} is not {known}", "correct it", "image")
                self.report(Defect(*where, *fault))
            elif first is not entry and self.report(Defect(*where, *_again(entry, first))):
                continue
            elif self._trimaps and stem not in self._trimaps:
                fault = (f"no trimap of {shown(stem)}", "add it or take it off", "image")
                self.report(Defect(*where, *fault))
            else:
                image = self._image(split, entry, label)
                if image is not None:
                    images.append(image)
                    labels.append(label)
                    maps.append(os.fsencode(self._trimaps.get(stem, "")))
        columns = {"label": np.array(labels, np.int32)}
        if self._trimaps:
            columns["trimap"] = np.array(maps)
        self.add_single(split, images, columns)

    def _image(self, split: str, entry: Entry, label: int) -> AnnotatedImage | None:
        """The record of an entry; None if it is to be left out for want of its one box."""
        image = AnnotatedImage(entry.image, entry.file, entry.record)
        if "box" not in self.keys:
            return image
        box, problem = entry.box, "no box"
        if self._boxes:
            file = self._boxes.get(entry.image.stem)
            if file is not None:
                image.labels, image.record = file, ""
                try:
                    found = read_one_box(file)
                    box = found.box
                    problem = found.problem or f"{found.objects} objects where one is meant"
                    image.width, image.height = found.width, found.height
                except InputError as error:
                    problem = str(error).removeprefix(f"{shown(file)}: ").split(";")[0]
        if box is None:
            where = (split, shown(image.labels), image.record)
            fault = (problem, "give the image one box", "image")
            return None if self.report(Defect(*where, *fault)) else image
        image.objects.append(Annotation(box, label, "object"))
        return image

    def open(self, record: dict[str, tf.Tensor]) -> Sample:
        sample = super().open(record)
        if "segmentation" in self.keys:
            trimap = self._read_map(record["trimap"])
            with tf.control_dependencies([same_size(sample["image"], trimap, record["trimap"])]):
                sample["segmentation"] = classes_of_trimap(trimap, record["trimap"])
        return sample


def _again(entry: Entry, first: Entry) -> tuple[str, str, str]:
    """Problem, remedy and what to drop of an image that is given twice."""
    kind = "" if first.label == entry.label else f" as class {shown(first.label)}"
    problem = f"{shown(entry.image.name)} is also in {first.record or 'another place'}{kind}"
    return problem, "keep one of them", "image"


def _names_of_stems(entries: list[Entry], count: int) -> tuple[str, ...]:
    """Names of numbered classes from images called `NAME_7.jpg`; nothing where they are not."""
    names: dict[int, str] = {}
    for entry in entries:
        found = re.fullmatch(r"(.*[^\W\d_])[_ -]?\d+", entry.image.stem)
        if not found or names.setdefault(int(entry.label), found[1]) != found[1]:
            return ()
    distinct = len(set(names.values())) == count == len(names)
    return tuple(names[number] for number in range(count)) if distinct else ()


def _split(entries: list[Entry], val: str, how: str) -> dict[str, list[Entry]]:
    """Entries by split; where there is only one, a share of each class is held out."""
    splits: dict[str, list[Entry]] = {}
    for entry in entries:
        splits.setdefault(entry.split or "train", []).append(entry)
    splits = {split: splits[split] for split in SPLIT_NAMES if split in splits}
    if not splits:
        raise InputError("no image has a class that can be read.")
    if set(splits) != {"train"}:
        return splits
    classes: dict[str, list[Entry]] = {}
    for entry in entries:
        classes.setdefault(entry.label, []).append(entry)
    chosen: set[int] = set()
    for label, each in classes.items():
        if len(each) > 1:
            names = [f"{label}/{entry.image.stem}" for entry in each]
            chosen |= {id(each[i]) for i in held_out(names, val, how)}
    if not chosen:
        raise InputError(
            f"{shown(entries[0].file)}: one image of each class is too few; training and "
            "validation need one each."
        )
    return {
        "train": [entry for entry in entries if id(entry) not in chosen],
        "val": [entry for entry in entries if id(entry) in chosen],
    }
