"""`yolo:FOLDER` — images with one text file each, a line an object: box, outline or joints."""

from __future__ import annotations

import os
from pathlib import Path

from training.data.sources.keypoints.joint_names import plain_names, skeleton_of
from training.data.sources.objects.annotations import AnnotatedImage
from training.data.sources.objects.box_frame_masks import MASK_SIZE
from training.data.sources.objects.object_source import OBJECT_KEYS, ObjectSource
from training.data.sources.reading.defects import Defect
from training.data.sources.reading.splits import split_up
from training.data.sources.yolo.yolo_labels import read_labels
from training.data.sources.yolo.yolo_layout import Layout, find_layout, label_folder
from zoo.errors import InputError
from zoo.files.file_names import shown

_NO_LABELS = ("classes.txt", "train.txt", "val.txt", "test.txt")


class YoloFolder(ObjectSource):
    """`yolo:FOLDER?data=data.yaml&val=0.2&split=hash|block`: YOLO text labels.

    `data.yaml` names the folders (or lists) of train, val and test and the classes; for poses also
    `kpt_shape` and `flip_idx`. Without it the layouts `images/train` + `labels/train`,
    `train/images` + `train/labels` and `images` + `labels` are recognised, with class names in
    `classes.txt`. A line is `CLASS x y width height` or `CLASS x y x y x y …`, in fractions of the
    image's sides. An image without a label file has no objects.

    Args:
        root: the data folder.
        data: the YAML file, where there are several.
        val: share to hold out where nothing names validation images.
        split: `"hash"` (by name) or `"block"` (the last ones in order).
        mask_size: side of the objects' masks, where there are outlines.
        drop_bad: 1 leaves out what is wrong where that is safe.

    Raises:
        InputError: the layout or the YAML file cannot be used, or all coordinates are pixels.
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
    ):
        super().__init__(root, drop_bad, mask_size)
        layout = find_layout(self.root, data)
        self.notes += layout.notes
        self._labels: dict[Path, dict[str, str]] = {}
        self._used: set[str] = set()
        self._unlabelled = 0
        self._highest = -1
        if layout.joints:
            self._take_joints(layout)
        read = {
            part: [self._image(part, file, layout) for file in files]
            for part, files in layout.splits.items()
        }
        images = {part: [p for p in each if p is not None] for part, each in read.items()}
        self._explain(layout)
        self.object_names = layout.names or tuple(map(str, range(self._highest + 1)))
        if any(item.polygons for each in images.values() for p in each for item in p.objects):
            self.keys = (*self.keys, "masks")
        for part, chosen in split_up(images, self.root, val, split).items():
            self.add_images(part, chosen)

    def _take_joints(self, layout: Layout) -> None:
        count = layout.joints[0] if layout.joints else 0
        self.keys = (*OBJECT_KEYS, "keypoints")
        names = layout.joint_names if all(layout.joint_names) else ()
        self.joint_names = plain_names(names or [f"joint {joint}" for joint in range(count)])
        self.skeleton = skeleton_of(self.joint_names)
        if layout.mirrored:
            order = enumerate(layout.mirrored)
            self.joint_pairs = tuple((joint, other) for joint, other in order if joint < other)
        else:
            self.notes.append("no flip_idx: images cannot be mirrored; write flip_idx in the YAML")

    def _image(self, split: str, file: Path, layout: Layout) -> AnnotatedImage | None:
        labels = self._label_file(file)
        if labels is None:
            self._unlabelled += 1
            return AnnotatedImage(file, file)
        image = AnnotatedImage(file, labels)
        try:
            text = labels.read_bytes().decode("utf-8-sig")
        except (OSError, UnicodeDecodeError):
            fault = ("not a text file in UTF-8", "save it again", "image")
            left_out = self.report(Defect(split, shown(labels), "", *fault))
            return None if left_out else image
        found = read_labels(text, len(layout.names) if layout.names else None, layout.joints)
        image.objects = found.objects
        self._highest = max([self._highest, *(item.label for item in found.objects)])
        repeated = set()
        for record, problem, remedy, drop in found.faults:
            dropped = self.report(Defect(split, shown(labels), record, problem, remedy, drop))
            if dropped and drop == "object":
                repeated.add(record)
        image.objects = [item for item in found.objects if item.record not in repeated]
        return image

    def _label_file(self, image: Path) -> Path | None:
        """The label file of an image, None if there is none; every folder is listed once."""
        folder = image.parent
        if folder not in self._labels:
            place = label_folder(self.root, folder)
            names = os.listdir(place) if place.is_dir() else []
            self._labels[folder] = {
                os.path.splitext(name)[0]: os.path.join(place, name)
                for name in names
                if name.lower().endswith(".txt") and name not in _NO_LABELS
            }
        found = self._labels[folder].get(image.stem)
        self._used |= {found} if found else set()
        return Path(found) if found else None

    def _explain(self, layout: Layout) -> None:
        """Says what is missing or given twice."""
        images = sum(map(len, layout.splits.values()))
        if not images:
            raise InputError(f"{shown(self.root)}: no images in it; see yolo: for its layouts.")
        if self._unlabelled == images:
            folder = next((shown(folder) for folder in self._labels), shown(self.root))
            raise InputError(
                f"{shown(self.root)}: none of {images} images has a label file, such as those "
                f"of {folder} in a folder labels in place of images."
            )
        if self._unlabelled:
            self.notes.append(f"{self._unlabelled} images without a label file: no objects")
        files = {file for each in self._labels.values() for file in each.values()}
        if left := len(files - self._used):
            self.notes.append(f"{left} label files without an image are not read")
        again = images - len({file for files in layout.splits.values() for file in files})
        if again:
            self.notes.append(f"{again} images are given twice, in one split or in two")
        if layout.names is None:
            if self._highest >= 100_000:
                raise InputError(
                    f"{shown(self.root)}: class {self._highest}; name the classes in data.yaml."
                )
            self.notes.append("no class names: called by their numbers; name them in data.yaml")
