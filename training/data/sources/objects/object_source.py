"""From annotated images to samples: the base class of data sets with objects."""

from __future__ import annotations

import dataclasses
import os
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import chain

import numpy as np
import tensorflow as tf

from training.data.sources.file_source import FileSource
from training.data.sources.objects.annotations import AnnotatedImage, Annotation
from training.data.sources.objects.header_checks import header_defect
from training.data.sources.objects.instance_maps import MASK_SIZE
from training.data.sources.objects.object_checks import check_annotations, region_of
from training.data.sources.objects.object_columns import Columns, columns_of
from training.data.sources.objects.object_masks import masks_of
from training.data.sources.objects.outline_maps import class_map, map_classes
from training.data.sources.reading.defects import Defect
from training.data.sources.reading.image_files import open_image
from training.data.sources.reading.options import read_flag, read_whole_number
from training.data.sources.source import Record, Sample
from zoo.errors import InputError
from zoo.files.file_names import shown
from zoo.tasks.sample_schema import IGNORE

OBJECT_KEYS = ("image", "boxes", "labels", "crowd", "difficult")
_OUTLINES = "no outline: "


class ObjectSource(FileSource):
    """Base class of data sets with objects; a subclass parses its files and calls `add_images`.

    A sample has `image`, `boxes`, `labels`, `crowd`, `difficult` and, as listed in `keys`, `masks`
    (N, M, M), `areas` (N,), `keypoints` (N, K, 3) and `texts` (N,) string. Boxes are clipped to the
    image; the mask of an object without outline is 255. An object that cannot be a target is
    difficult, a region that is ignored, with `drop_bad` too; without a usable box its row has label
    −1 and a box of zeros.

    Args:
        root: the data folder.
        drop_bad: `1` to drop objects and images with defects instead of listing the defects.
        mask_size: cells along each side of a mask, M, as text.

    Attributes:
        images: images by split, without their annotations.
        relative: whether coordinates are fractions of the image's sides.
        mask_coverage: whether masks hold the fraction of each cell that the object covers, in
            1/254, instead of 1 if the cell's center is covered; slower, but precise enough to
            recover the outlines.
        ignored_regions: whether an object that cannot be a target remains as an ignored region.
    """

    relative = False
    mask_coverage = False
    ignored_regions = True
    _map_classes: Sequence[int] = ()

    def __init__(self, root: str, drop_bad: str = "", mask_size: str = str(MASK_SIZE)):
        super().__init__(root)
        self.drop_bad = read_flag("drop_bad", drop_bad)
        self.mask_size = read_whole_number("mask_size", mask_size, 1, 1024)
        self.keys = OBJECT_KEYS
        self.images: dict[str, list[AnnotatedImage]] = {}
        self._columns: dict[str, Columns] = {}
        self._dropped: Counter[str] = Counter()
        self._objects: Counter[str] = Counter()

    def report(self, defect: Defect) -> bool:
        """Records a defect; returns whether to drop the object or image, counted in `notes`."""
        if defect.drop == "object" and not defect.unused:
            defect = dataclasses.replace(defect, unused="object")
        if not (self.drop_bad and defect.drop):
            self.defects.append(defect)
            return False
        self._dropped[defect.drop] += 1
        self._note_dropped()
        return True

    def _note_dropped(self) -> None:
        start = "drop_bad: dropped "
        self.notes[:] = [note for note in self.notes if not note.startswith(start)]
        parts = [f"{n} {what}{'s' * (n != 1)}" for what, n in sorted(self._dropped.items())]
        self.notes.append(f"{start}{', '.join(parts)}.")

    def add_images(self, split: str, images: list[AnnotatedImage]) -> None:
        """Checks the images of a split and stores them as columns; image files are not opened.

        A split may be empty; it then has a defect.
        """
        images = self._checked(split, self._existing(split, images))
        if not images and not any(defect.split == split for defect in self.defects):
            problem = f"split {split} has no valid images"
            self.report(Defect(problem, "add some", file=shown(self.root), split=split))
        if "masks" in self.keys:
            self._note_outlines(images)
        items = (item for image in images for item in image.annotations)
        if "boxes" in self.keys and ("masks" in self.keys or any(item.area for item in items)):
            others = (key for key in self.keys if key not in (*OBJECT_KEYS, "areas"))
            self.keys = (*OBJECT_KEYS, "areas", *others)
        keypoints = len(self.keypoint_names)
        self._columns[split] = columns_of(images, self.keys, keypoints, self.relative)
        self.sizes[split] = len(images)
        self.images[split] = [
            dataclasses.replace(image, annotations=[]) if image.annotations else image
            for image in images
        ]

    def _existing(self, split: str, images: list[AnnotatedImage]) -> list[AnnotatedImage]:
        """Returns the images whose file exists; the others are defects."""
        missing = [not os.path.isfile(image.file) for image in images]
        if images and all(missing):
            problem = f"none of its {len(images)} images exists, such as {shown(images[0].file)}"
            file = shown(images[0].label_file)
            self.report(Defect(problem, "put the images there", "", file, split, unused="image"))
            return []
        for image, absent in zip(images, missing, strict=True):
            if absent:
                self._report_missing(split, image)
        return [image for image, absent in zip(images, missing, strict=True) if not absent]

    def _report_missing(self, split: str, image: AnnotatedImage) -> None:
        problem = f"no such image {shown(image.file)}"
        remedy = "restore the file or remove it from the list"
        if os.path.exists(image.file):
            problem, remedy = f"{shown(image.file)} is not a regular file", "replace or remove it"
        where = (image.name, shown(image.label_file), split)
        self.report(Defect(problem, remedy, *where, "image", "image"))

    def _checked(self, split: str, images: list[AnnotatedImage]) -> list[AnnotatedImage]:
        """Returns the images without what is dropped; other invalid objects get label −1.

        Of an invalid object with a usable box an ignored region remains.
        """
        if not images:
            return []
        dropped: dict[int, set[int]] = {}
        for image_index, index, defect in check_annotations(split, images, self.relative):
            drop = self.report(defect)
            image = images[image_index]
            if defect.drop == "object" and self._make_region(image.annotations[index], image):
                continue
            if drop and defect.drop != "part":
                dropped.setdefault(image_index, set()).add(index)
            elif defect.drop == "object":
                image.annotations[index].label = -1
        for image_index, indices in dropped.items():
            items = enumerate(images[image_index].annotations)
            images[image_index].annotations = [item for i, item in items if i not in indices]
        for image in images:
            for item in image.annotations:
                if item.label < 0 and not self._make_region(item, image):
                    _invalidate(item)
        return [image for i, image in enumerate(images) if -1 not in dropped.get(i, ())]

    def _make_region(self, item: Annotation, image: AnnotatedImage) -> bool:
        """Turns an invalid object into an ignored region; returns whether its box allows that."""
        box = region_of(item, image, self.relative) if self.ignored_regions else None
        if box is None:
            return False
        item.box, item.difficult = box, True
        item.label = max(item.label, 0)
        return True

    def _note_outlines(self, images: list[AnnotatedImage]) -> None:
        """Counts the objects without outline in `notes`."""
        items = [item for image in images for item in image.annotations if item.label >= 0]
        self._objects["all"] += len(items)
        self._objects["boxes"] += sum(
            not (item.instance_id or item.polygons or len(item.run_lengths)) for item in items
        )
        self.notes[:] = [note for note in self.notes if not note.startswith(_OUTLINES)]
        if count := self._objects["boxes"]:
            self.notes.append(
                f"{_OUTLINES}{count} of {self._objects['all']} objects have only a box; masks "
                "ignore them."
            )

    def provide(self, keys: Iterable[str]) -> None:
        """Adds class maps drawn from the objects' outlines, if `segmentation` is among the keys."""
        if "segmentation" not in keys or "segmentation" in self.keys or "masks" not in self.keys:
            return
        self.class_names, self._map_classes = map_classes(self.object_names)
        if self.num_classes > IGNORE:
            raise InputError(
                f"{self.spec or shown(self.root)}: {self.num_classes - 1} classes, but a class map "
                f"has at most {IGNORE - 1} and the background; select some with classes=…."
            )
        self.keys = (*self.keys, "segmentation")
        self.notes.append(
            "class maps are drawn from outlines: smaller objects in front; crowds, difficult "
            "objects and boxes without outline are ignored."
        )

    def check_trainable(self, targets: tuple[str, ...]) -> None:
        super().check_trainable(targets)
        if "segmentation" not in targets or not self._map_classes or not self.sizes.get("train"):
            return
        columns = self._columns["train"].ragged
        labels, crowd, difficult = (
            columns[key][0].numpy() for key in ("labels", "crowd", "difficult")
        )
        labeled = labels >= 0
        if not labeled.any():
            raise InputError(
                f"{self.spec}: train has no objects, so its class maps are all background; label "
                "some."
            )
        if not (labeled & ~crowd & ~difficult).any():
            # How the labels were read may be the cause.
            notes = [note for note in self.notes if note.startswith("train: ")]
            problem = "train has only crowd or difficult objects, so its class maps have no class"
            raise InputError(" ".join([f"{self.spec}: {problem} but the background.", *notes]))

    def check_image_headers(self, split: str) -> Iterator[Defect]:
        """Yields images that cannot be read, or whose size differs from the stated one.

        Reads the headers of all image files of the split, without decoding any.
        """
        images = self.images[self.check_split(split)]
        with ThreadPoolExecutor() as pool:
            for defect in pool.map(header_defect, images):
                if defect:
                    yield dataclasses.replace(defect, split=split)

    def rows(self, split: str) -> Callable[[tf.Tensor], Record]:
        return self._columns[split].row

    def columns(self, split: str) -> Iterable[np.ndarray]:
        columns = self._columns[split]
        ragged = chain.from_iterable(columns.ragged.values())
        return [values.numpy() for values in chain(columns.plain.values(), ragged)]

    def fingerprint(self, split: str) -> bytes:
        settings = (self.relative, self.mask_size, self.mask_coverage)
        return super().fingerprint(split) + repr(settings).encode()

    def texts(self, split: str) -> list[bytes]:
        """Returns all captions of a split, without opening its images."""
        values, _ = self._columns[self.check_split(split)].ragged["texts"]
        return values.numpy().tolist()

    def name_of(self, record: dict[str, tf.Tensor]) -> str:
        return shown(record["image"].numpy())

    def open(self, record: dict[str, tf.Tensor]) -> Sample:
        image = open_image(record["image"])
        height, width = image.height, image.width
        sides = tf.cast(tf.stack([width, height, width, height]), tf.float32)
        boxes = record["boxes"] * sides if self.relative else record["boxes"]
        boxes = tf.clip_by_value(boxes, 0.0, sides)
        valid = (record["labels"] >= 0) & tf.reduce_all(boxes[:, 2:] > boxes[:, :2], axis=1)
        sample: Sample = {
            "image": image,
            "boxes": tf.where(valid[:, None], boxes, 0.0),
            "labels": tf.where(valid, record["labels"], -1),
            "crowd": record["crowd"],
            "difficult": record["difficult"],
        }
        if "masks" in self.keys:
            masks = self._masks(record, sample["boxes"], height, width)
            sample["masks"] = tf.where(valid[:, None, None], masks, tf.zeros((), masks.dtype))
        if self._map_classes:
            size = (height, width)
            classes = tf.constant(self._map_classes, tf.int32)
            sample["segmentation"] = class_map(record, sample, classes, size, self.relative)
        if "areas" in self.keys:
            image_area = height * width if self.relative else 1
            sample["areas"] = record["areas"] * tf.cast(image_area, tf.float64)
        if "keypoints" in self.keys:
            scale = tf.concat([sides[:2], [1.0]], axis=0) if self.relative else 1.0
            sample["keypoints"] = record["keypoints"] * scale
        if "texts" in self.keys:
            sample["texts"] = record["texts"]
        return sample

    def _masks(
        self, record: dict[str, tf.Tensor], boxes: tf.Tensor, height: tf.Tensor, width: tf.Tensor
    ) -> tf.Tensor:
        """Returns (N, M, M) uint8 masks from the outlines, 255 without any."""
        size, coverage = self.mask_size, self.mask_coverage
        return masks_of(record, boxes, (height, width), size, coverage, self.relative)


def _invalidate(item: Annotation) -> None:
    """Empties an annotation that cannot be a target; its row remains."""
    item.box = (0.0, 0.0, 0.0, 0.0)
    item.polygons, item.run_lengths, item.keypoints = (), (), ()
