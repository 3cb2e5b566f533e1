"""From annotated images to samples: what all formats with objects share."""

from __future__ import annotations

import dataclasses
import os
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import chain

import numpy as np
import tensorflow as tf

from training.data.sources.file_source import FileSource
from training.data.sources.objects.annotations import AnnotatedImage, Annotation
from training.data.sources.objects.box_frame_masks import MASK_SIZE
from training.data.sources.objects.mask_rasters import (
    in_fifths,
    polygon_masks,
    run_masks,
    sampled_pixels,
)
from training.data.sources.objects.object_checks import check_objects
from training.data.sources.objects.object_columns import Columns, columns_of
from training.data.sources.reading.defects import Defect
from training.data.sources.reading.image_files import open_image
from training.data.sources.reading.image_headers import read_header
from training.data.sources.source import Record, Sample
from zoo.errors import InputError
from zoo.files.file_names import shown

_PER_CELL = 6
"""Looks along each side of a cell for its share; a 640-pixel side has 5.7 pixels a cell."""

OBJECT_KEYS = ("image", "boxes", "labels", "crowd", "difficult")


class ObjectSource(FileSource):
    """A data set of images with objects; a reader parses its files and calls `add_images`.

    A sample has `image`, `boxes`, `labels`, `crowd`, `difficult`, and those of `masks` (N, M, M),
    `keypoints` (N, K, 3) and `texts` (N,) string that `keys` names. Boxes are cut at the image's
    edge. An object that cannot be learned from keeps its row, with label −1 and a box of zeros.

    Attributes:
        images: those of each split, without their objects.
        relative: coordinates of the objects are fractions of the image's sides.
        mask_size: M.
        mask_shares: masks hold the share of each cell that is the object's, in 1/255, instead of
            1 where the cell's centre is; slower, and close enough to write the outlines out again.
        drop_bad: leave out what is wrong where that is safe, instead of listing it as a defect.
    """

    relative = False
    mask_shares = False

    def __init__(self, root: str, drop_bad: str = "", mask_size: str = str(MASK_SIZE)):
        super().__init__(root)
        if drop_bad not in ("", "0", "1"):
            raise InputError(f"drop_bad={drop_bad}: expected 1 or 0.")
        if not mask_size.isdecimal() or not 1 <= int(mask_size) <= 1024:
            raise InputError(f"mask_size={mask_size}: expected a whole number from 1 to 1024.")
        self.drop_bad = drop_bad == "1"
        self.mask_size = int(mask_size)
        self.keys = OBJECT_KEYS
        self.images: dict[str, list[AnnotatedImage]] = {}
        self._columns: dict[str, Columns] = {}
        self._left_out: Counter[str] = Counter()

    def report(self, defect: Defect) -> bool:
        """Takes note of a defect.

        Returns:
            True if what is wrong is to be left out; it is then counted in `notes`.
        """
        if not (self.drop_bad and defect.drop):
            self.defects.append(defect)
            return False
        self._left_out[defect.drop] += 1
        self._tell()
        return True

    def _tell(self) -> None:
        start = "drop_bad: left out "
        self.notes[:] = [note for note in self.notes if not note.startswith(start)]
        parts = [f"{n} {what}{'s' * (n != 1)}" for what, n in sorted(self._left_out.items())]
        self.notes.append(start + ", ".join(parts))

    def add_images(self, split: str, images: list[AnnotatedImage]) -> None:
        """Checks the images of a split and stores them as columns; files are not opened.

        Raises:
            InputError: nothing of it can be used.
        """
        if images and not any(os.path.isfile(image.file) for image in images):
            raise InputError(
                f"{shown(images[0].labels)}: none of its {len(images)} images is there, such "
                f"as {shown(images[0].file)}; put the images there."
            )
        images = [image for image in images if not self._is_missing(split, image)]
        images = self._checked(split, images)
        if not images:
            raise InputError(f"{shown(self.root)}, split {split}: no image is left in it.")
        self._columns[split] = columns_of(images, self.keys, len(self.joint_names), self.relative)
        self.sizes[split] = len(images)
        self.images[split] = [
            dataclasses.replace(p, objects=[]) if p.objects else p for p in images
        ]

    def _is_missing(self, split: str, image: AnnotatedImage) -> bool:
        """Whether an image's file is not there and the image is to be left out for that."""
        if os.path.isfile(image.file):
            return False
        return self.report(
            Defect(
                split,
                shown(image.labels),
                image.record,
                f"no such image {shown(image.file)}",
                "put it back or take it off the list",
                "image",
            )
        )

    def _checked(self, split: str, images: list[AnnotatedImage]) -> list[AnnotatedImage]:
        """The images without what is to be left out; what stays but cannot be used is marked."""
        objects: dict[int, set[int]] = {}
        left_out: set[int] = set()
        for finding in check_objects(images, self.relative):
            image, index = images[finding.image], finding.index
            record = image.record if index < 0 else image.name_of(index)
            what = "image" if index < 0 else "object"
            dropped = self.report(
                Defect(
                    *(split, shown(image.labels), record, finding.problem, finding.remedy),
                    drop=what if finding.lost else "part",
                )
            )
            if index < 0:
                left_out |= {finding.image} if dropped else set()
            elif finding.lost and dropped:
                objects.setdefault(finding.image, set()).add(index)
            elif finding.lost:
                image.objects[index].label = -1
        for place, gone in objects.items():
            kept = [item for i, item in enumerate(images[place].objects) if i not in gone]
            images[place].objects = kept
        for image in images:
            for item in image.objects:
                if item.label < 0:
                    _disable(item)
        return [image for place, image in enumerate(images) if place not in left_out]

    def inspect(self, split: str) -> Iterator[Defect]:
        """What only the image files show: unreadable ones and sizes that differ from the stated.

        Reads the head of every file of the split and decodes none.
        """
        images = self.images[self.check_split(split)]
        with ThreadPoolExecutor() as pool:
            for image, fault in zip(images, pool.map(_header_fault, images), strict=True):
                if fault:
                    problem, remedy, of_file = fault
                    at = image.file if of_file else image.labels
                    record = "" if of_file else image.record
                    yield Defect(split, shown(at), record, problem, remedy)

    def rows(self, split: str) -> Callable[[tf.Tensor], Record]:
        return self._columns[split].row

    def columns(self, split: str) -> Iterable[np.ndarray]:
        found = self._columns[split]
        ragged = chain.from_iterable(found.ragged.values())
        return [values.numpy() for values in chain(found.plain.values(), ragged)]

    def fingerprint(self, split: str) -> bytes:
        how = (self.relative, self.mask_size, self.mask_shares)
        return super().fingerprint(split) + repr(how).encode()

    def texts(self, split: str) -> list[bytes]:
        """All captions of a split, without opening its images."""
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
        usable = (record["labels"] >= 0) & tf.reduce_all(boxes[:, 2:] > boxes[:, :2], axis=1)
        sample: Sample = {
            "image": image,
            "boxes": tf.where(usable[:, None], boxes, 0.0),
            "labels": tf.where(usable, record["labels"], -1),
            "crowd": record["crowd"],
            "difficult": record["difficult"],
        }
        if "masks" in self.keys:
            sample["masks"] = self._masks(record, sample["boxes"], height, width)
        if "keypoints" in self.keys:
            scale = tf.concat([sides[:2], [1.0]], axis=0) if self.relative else 1.0
            sample["keypoints"] = record["keypoints"] * scale
        if "texts" in self.keys:
            sample["texts"] = record["texts"]
        return sample

    def _masks(
        self, record: dict[str, tf.Tensor], boxes: tf.Tensor, height: tf.Tensor, width: tf.Tensor
    ) -> tf.Tensor:
        """(N, M, M) uint8 masks from polygons and runs."""
        points = record["polygons"]
        if self.relative:
            points = points * tf.cast(tf.stack([width, height]), points.dtype)
            points = in_fifths(points)
        per_cell = _PER_CELL if self.mask_shares else 1
        rows, columns = sampled_pixels(boxes, per_cell * self.mask_size, height, width)
        polygons = (points, record["polygon_sizes"], record["polygon_owners"])
        masks = polygon_masks(*polygons, rows, columns, height)
        stated = record["size"]
        runs = (record["runs"], record["run_sizes"], record["run_owners"])
        rows = tf.clip_by_value(rows, 0, tf.maximum(stated[1] - 1, 0))
        columns = tf.clip_by_value(columns, 0, tf.maximum(stated[0] - 1, 0))
        masks = tf.maximum(masks, run_masks(*runs, rows, columns, stated[1], stated[0]))
        if self.mask_shares:
            cells = (-1, self.mask_size, per_cell, self.mask_size, per_cell)
            inside = tf.reduce_sum(tf.reshape(masks, cells), axis=(2, 4))
            masks = (255 * inside + per_cell**2 // 2) // per_cell**2
        return tf.ensure_shape(tf.cast(masks, tf.uint8), (None, self.mask_size, self.mask_size))


def _disable(item: Annotation) -> None:
    """Keeps the row of an object that cannot be a target."""
    item.box = (0.0, 0.0, 0.0, 0.0)
    item.polygons, item.runs, item.keypoints = (), (), ()


def _header_fault(image: AnnotatedImage) -> tuple[str, str, bool] | None:
    """Problem, remedy, and whether the image rather than its labels is to blame."""
    try:
        wide, high, turned = read_header(image.file)
    except FileNotFoundError:
        return None  # reported when the data set was opened
    except (OSError, ValueError) as error:
        return f"not a readable image ({error})", "save it again or remove it", True
    stated = width, height = image.width, image.height
    if not width or stated == (wide, high):
        return None
    if turned and stated == (high, wide):
        return (
            f"stored {wide}×{high} and shown turned by its EXIF tag, labelled as {width}×{height}",
            "save it upright",
            True,
        )
    return (
        f"its size is said to be {width}×{height}, but {shown(image.file)} is {wide}×{high}",
        "correct the size, and check that the boxes are for this image",
        False,
    )
