"""`yolo:FOLDER` — images with one text file each, one object per line."""

from __future__ import annotations

import dataclasses
import os
from pathlib import Path

from training.data.sources.keypoints.keypoint_names import plain_names, skeleton_of
from training.data.sources.objects.annotations import AnnotatedImage
from training.data.sources.objects.image_splits import split_images
from training.data.sources.objects.instance_maps import MASK_SIZE
from training.data.sources.objects.object_checks import any_outline
from training.data.sources.objects.object_source import OBJECT_KEYS, ObjectSource
from training.data.sources.reading.defects import Defect
from training.data.sources.reading.similar_class_names import similar_names
from training.data.sources.reading.splits import SplitRule
from training.data.sources.yolo.yolo_labels import read_labels
from training.data.sources.yolo.yolo_layout import Layout, find_layout
from training.data.sources.yolo.yolo_paths import label_folder
from training.data.sources.yolo.yolo_yaml import MAX_CLASSES
from zoo.errors import InputError
from zoo.files.file_names import shown
from zoo.files.text_files import read_text

_OTHER_TEXTS = ("classes.txt", "train.txt", "val.txt", "valid.txt", "test.txt", "images.txt")


class YoloFolder(ObjectSource):
    """`yolo:FOLDER?data=data.yaml&val=0.2&split=hash|block`: YOLO text labels.

    `data.yaml` names the folders (or lists) of train, val and test and the classes; for keypoints
    also `kpt_shape` and `flip_idx`. Without it, Darknet's `obj.data` is read, or the layouts
    `images/train` + `labels/train`, `train/images` + `train/labels` and `images` + `labels` are
    recognized, with class names in `classes.txt`. A line is `CLASS x y width height` or
    `CLASS x y x y x y …`, in fractions of the image's sides. An image without a label file has no
    objects.

    Args:
        root: the data folder.
        data: the YAML file, if there are several.
        val: fraction of the images to validate on if there is no other split.
        split: `hash` (by name), `block` (the last images), `stratified`, or `group:PATTERN`; see
            `SplitRule`.
        fold: `K/N` to validate on the K-th of N parts instead of a fraction.
        mask_size: cells along each side of a mask, if there are outlines.
        drop_bad: `1` to drop objects and images with defects.

    Raises:
        InputError: if layout or YAML file cannot be used, or all coordinates are pixels.
    """

    relative = True

    def __init__(
        self,
        root: str,
        data: str = "",
        val: str = "0.2",
        split: str = "hash",
        mask_size: str = str(MASK_SIZE),
        drop_bad: str = "",
        fold: str = "",
    ):
        super().__init__(root, drop_bad, mask_size)
        layout = find_layout(self, data)
        self.notes += layout.notes
        self._label_files: dict[Path, dict[str, str]] = {}
        self._used: set[str] = set()
        self._unlabeled = 0
        self._highest = -1
        if layout.keypoints:
            self._name_keypoints(layout, layout.keypoints[0])
        read = {
            part: [self._image(part, file, layout) for file in files]
            for part, files in layout.splits.items()
        }
        images = {part: [i for i in part_images if i] for part, part_images in read.items()}
        self._check_files(layout)
        self.object_names = layout.names or tuple(map(str, range(self._highest + 1)))
        if any(any_outline(part_images) for part_images in images.values()):
            self.keys = (*self.keys, "masks")
        rule = SplitRule(val, split, fold)
        for part, part_images in split_images(images, self, rule).items():
            self.add_images(part, part_images)

    def _name_keypoints(self, layout: Layout, count: int) -> None:
        self.keys = (*OBJECT_KEYS, "keypoints")
        names = layout.keypoint_names if all(layout.keypoint_names) else ()
        self.keypoint_names = plain_names(names or [f"keypoint {i}" for i in range(count)])
        self.skeleton = skeleton_of(self.keypoint_names)
        if layout.flip_idx:
            pairs = enumerate(layout.flip_idx)
            self.flip_pairs = tuple((index, other) for index, other in pairs if index < other)
        else:
            self.notes.append("no flip_idx: images cannot be flipped; add flip_idx to the YAML.")

    def _image(self, split: str, file: Path, layout: Layout) -> AnnotatedImage | None:
        """Returns an image with its annotations; None if its label file cannot be read."""
        labels = self._label_file(file)
        if labels is None:
            self._unlabeled += 1
            return AnnotatedImage(file, file)
        image = AnnotatedImage(file, labels)
        where = {"file": shown(labels), "split": split}
        try:
            text = read_text(labels)
            if not text and labels.stat().st_size:
                raise InputError("a byte order mark without text.")
        except (OSError, InputError):
            # Without its objects the image would be background.
            problem = "not a text file in UTF-8"
            unusable = Defect(problem, "save it again", drop="image", unused="image", **where)
            self.report(unusable)
            return None
        found = read_labels(text, len(layout.names) if layout.names else None, layout.keypoints)
        self._highest = max([self._highest, *(item.label for item in found.annotations)])
        dropped = {
            defect.record
            for defect in found.defects
            if self.report(dataclasses.replace(defect, **where)) and defect.drop == "object"
        }
        image.annotations = [
            item for item in found.annotations if item.difficult or item.name not in dropped
        ]
        return image

    def _label_file(self, image: Path) -> Path | None:
        """Returns the label file of an image, or None; every folder is listed once."""
        folder = image.parent
        if folder not in self._label_files:
            labels = label_folder(self.root, folder)
            names = os.listdir(labels) if labels.is_dir() else []
            self._label_files[folder] = {
                os.path.splitext(name)[0]: os.path.join(labels, name)
                for name in names
                if name.lower().endswith(".txt") and name not in _OTHER_TEXTS
            }
        file = self._label_files[folder].get(image.stem)
        self._used |= {file} if file else set()
        return Path(file) if file else None

    def _check_files(self, layout: Layout) -> None:
        """Notes missing, unused and repeated files; without images or labels, raises InputError."""
        images = sum(map(len, layout.splits.values()))
        if not images and not self.defects:
            raise InputError(f"{shown(self.root)}: no images in it; see yolo: for its layouts.")
        if images and self._unlabeled == images:
            folder = next((shown(folder) for folder in self._label_files), shown(self.root))
            raise InputError(
                f"{shown(self.root)}: none of {images} images has a label file; put those of "
                f"{folder} into a folder labels instead of images."
            )
        if self._unlabeled:
            self.notes.append(f"{self._unlabeled} images have no label file, so no objects.")
        self.notes += similar_names(layout.names or ())
        files = {file for files in self._label_files.values() for file in files.values()}
        if unused := len(files - self._used):
            self.notes.append(f"{unused} label files of images in no split are not read.")
        repeated = images - len({file for files in layout.splits.values() for file in files})
        if repeated:
            self.notes.append(f"{repeated} images are repeated, in one split or in two.")
        if layout.names is None:
            if self._highest >= MAX_CLASSES:
                raise InputError(
                    f"{shown(self.root)}: class {self._highest}; name the classes in data.yaml."
                )
            self.notes.append("no class names: numbers are used; name the classes in data.yaml.")
