"""From annotated images to samples: the base class of data sets with objects."""

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
from training.data.sources.objects.instance_maps import MASK_SIZE
from training.data.sources.objects.mask_rasterization import (
    in_fifths,
    polygon_masks,
    run_masks,
    sampled_pixels,
)
from training.data.sources.objects.object_checks import check_annotations
from training.data.sources.objects.object_columns import Columns, columns_of
from training.data.sources.reading.defects import Defect
from training.data.sources.reading.image_files import open_image
from training.data.sources.reading.image_headers import read_header
from training.data.sources.reading.options import read_flag, read_whole_number
from training.data.sources.source import Record, Sample
from zoo.errors import InputError
from zoo.files.file_names import shown

_SAMPLES_PER_SIDE = 6
"""Samples along each side of a cell for its coverage; of a 640-pixel box a cell has 5.7 pixels."""

OBJECT_KEYS = ("image", "boxes", "labels", "crowd", "difficult")


class ObjectSource(FileSource):
    """Base class of data sets with objects; a subclass parses its files and calls `add_images`.

    A sample has `image`, `boxes`, `labels`, `crowd`, `difficult` and, as listed in `keys`, `masks`
    (N, M, M), `keypoints` (N, K, 3) and `texts` (N,) string. Boxes are clipped to the image. An
    object that cannot be a target keeps its row, with label −1 and a box of zeros.

    Args:
        root: the data folder.
        drop_bad: `1` to drop objects and images with defects instead of listing the defects.
        mask_size: cells along each side of a mask, M, as text.

    Attributes:
        images: images by split, without their annotations.
        relative: whether coordinates are fractions of the image's sides.
        mask_coverage: whether masks hold the fraction of each cell that the object covers, in
            1/255, instead of 1 if the cell's center is covered; slower, but precise enough to
            recover the outlines.
    """

    relative = False
    mask_coverage = False

    def __init__(self, root: str, drop_bad: str = "", mask_size: str = str(MASK_SIZE)):
        super().__init__(root)
        self.drop_bad = read_flag("drop_bad", drop_bad)
        self.mask_size = read_whole_number("mask_size", mask_size, 1, 1024)
        self.keys = OBJECT_KEYS
        self.images: dict[str, list[AnnotatedImage]] = {}
        self._columns: dict[str, Columns] = {}
        self._dropped: Counter[str] = Counter()

    def report(self, defect: Defect) -> bool:
        """Records a defect; returns whether to drop the object or image, counted in `notes`."""
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
        """Checks the images of a split and stores them as columns; image files are not opened."""
        if images and not any(os.path.isfile(image.file) for image in images):
            raise InputError(
                f"{shown(images[0].label_file)}: none of its {len(images)} images exists, such "
                f"as {shown(images[0].file)}; put the images there."
            )
        images = [image for image in images if not self._is_missing(split, image)]
        images = self._checked(split, images)
        if not images:
            raise InputError(f"{shown(self.root)}: split {split}: no valid images; add some.")
        keypoints = len(self.keypoint_names)
        self._columns[split] = columns_of(images, self.keys, keypoints, self.relative)
        self.sizes[split] = len(images)
        self.images[split] = [
            dataclasses.replace(image, annotations=[]) if image.annotations else image
            for image in images
        ]

    def _is_missing(self, split: str, image: AnnotatedImage) -> bool:
        """Returns whether to drop an image because its file does not exist."""
        if os.path.isfile(image.file):
            return False
        problem, remedy = (
            f"no such image {shown(image.file)}",
            "restore the file or remove it from the list",
        )
        where = (image.name, shown(image.label_file), split)
        return self.report(Defect(problem, remedy, *where, "image"))

    def _checked(self, split: str, images: list[AnnotatedImage]) -> list[AnnotatedImage]:
        """Returns the images without what is dropped; other invalid objects get label −1."""
        dropped: dict[int, set[int]] = {}
        for image_index, index, defect in check_annotations(split, images, self.relative):
            if self.report(defect) and defect.drop != "part":
                dropped.setdefault(image_index, set()).add(index)
            elif defect.drop == "object":
                images[image_index].annotations[index].label = -1
        for image_index, indices in dropped.items():
            items = enumerate(images[image_index].annotations)
            images[image_index].annotations = [item for i, item in items if i not in indices]
        for image in images:
            for item in image.annotations:
                if item.label < 0:
                    _invalidate(item)
        return [image for i, image in enumerate(images) if -1 not in dropped.get(i, ())]

    def check_image_headers(self, split: str) -> Iterator[Defect]:
        """Yields images that cannot be read, or whose size differs from the stated one.

        Reads the headers of all image files of the split, without decoding any.
        """
        images = self.images[self.check_split(split)]
        with ThreadPoolExecutor() as pool:
            for defect in pool.map(_header_defect, images):
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
        """Returns (N, M, M) uint8 masks from polygons and run lengths."""
        points = record["polygons"]
        if self.relative:
            points = points * tf.cast(tf.stack([width, height]), points.dtype)
            points = in_fifths(points)
        per_side = _SAMPLES_PER_SIDE if self.mask_coverage else 1
        rows, columns = sampled_pixels(boxes, per_side * self.mask_size, height, width)
        polygons = (points, record["polygon_sizes"], record["polygon_owners"])
        masks = polygon_masks(*polygons, rows, columns, height)
        size = record["size"]
        runs = (record["runs"], record["run_sizes"], record["run_owners"])
        rows = tf.clip_by_value(rows, 0, tf.maximum(size[1] - 1, 0))
        columns = tf.clip_by_value(columns, 0, tf.maximum(size[0] - 1, 0))
        masks = tf.maximum(masks, run_masks(*runs, rows, columns, size[1], size[0]))
        if self.mask_coverage:
            cells = (-1, self.mask_size, per_side, self.mask_size, per_side)
            covered = tf.reduce_sum(tf.reshape(masks, cells), axis=(2, 4))
            masks = (255 * covered + per_side**2 // 2) // per_side**2
        return tf.ensure_shape(tf.cast(masks, tf.uint8), (None, self.mask_size, self.mask_size))


def _invalidate(item: Annotation) -> None:
    """Empties an annotation that cannot be a target; its row remains."""
    item.box = (0.0, 0.0, 0.0, 0.0)
    item.polygons, item.run_lengths, item.keypoints = (), (), ()


def _header_defect(image: AnnotatedImage) -> Defect | None:
    """Returns the defect of an image file or of its stated size."""
    try:
        header = read_header(image.file)
    except FileNotFoundError:
        return None  # reported when the data set was opened
    except (OSError, ValueError) as error:
        return Defect(
            f"not a readable image ({str(error).rstrip('.')})",
            "save it again or remove it",
            file=shown(image.file),
        )
    stated, stored = (image.width, image.height), (header.width, header.height)
    if not image.width or stated == stored:
        return None
    text = f"{image.width}×{image.height}"
    if header.rotated and stated == stored[::-1]:
        return Defect(
            f"stored as {header.width}×{header.height} and rotated by its EXIF orientation, but "
            f"labeled as {text}",
            "save it upright",
            file=shown(image.file),
        )
    return Defect(
        f"stated size {text}, but {shown(image.file)} is {header.width}×{header.height}",
        "correct the size, and check that the boxes are for this image",
        image.name,
        shown(image.label_file),
    )
