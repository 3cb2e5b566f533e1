"""The labels of any data set, one image after the other."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from training.data.checking.sample_loading import LoadedSample, image_file, load_samples
from training.data.sources import Source
from training.data.sources.objects.object_source import ObjectSource
from training.data.writing.labeled_image import LabeledImage, LabeledObject, LabelNames, Rle
from training.data.writing.object_outlines import background_of, encode, objects_of_map
from training.drawing import paste_mask
from zoo.errors import InputError

_FIFTHS = 5
_NO_OUTLINE = 255


class SampleLabels:
    """Reads the labels of a data set at full precision.

    Polygons and run lengths are those of the files. Masks of an instance map are exact; others are
    interpolated from the frames of their boxes. A class map without objects gives an object for
    each connected region. Images in files are not decoded unless their maps are needed.

    Args:
        source: data set.
        maps: whether class maps are needed.

    Attributes:
        names: class and keypoint names.
        lost: number by description of what is left out.
        errors: messages of the images that cannot be read.

    Raises:
        InputError: if the data set mixes images with objects and images with a class.
    """

    def __init__(self, source: Source, maps: bool = False):
        keys = source.keys
        if {"labels", "label"} <= {*keys} and "box" not in keys:
            raise InputError(
                f"{source.spec}: some of its images have objects and others one class, which no "
                "format holds; write its parts."
            )
        self._source = source
        self._objects = "boxes" in keys and "labels" in keys
        self._single = "box" in keys and not self._objects
        self._regions = "segmentation" in keys and not self._objects and not self._single
        self._maps = "segmentation" in keys and (maps or self._regions)
        self._background = background_of(source.class_names)
        self.lost: Counter[str] = Counter()
        self.errors: list[str] = []
        self.names = self._names()

    def _names(self) -> LabelNames:
        source, objects = self._source, self._source.object_names
        if self._single:
            objects = source.label_names if "label" in source.keys else ("object",)
        elif self._regions:
            objects = source.class_names[0 if self._background is None else 1 :]
        whole = not (self._objects or self._single or self._regions)
        return LabelNames(
            objects=() if whole else objects,
            classes=source.class_names if self._maps else (),
            labels=source.label_names if whole else (),
            keypoints=source.keypoint_names if "keypoints" in source.keys else (),
            skeleton=source.skeleton,
            flip_pairs=source.flip_pairs,
            outlines="masks" in source.keys or self._regions,
        )

    def notes(self) -> list[str]:
        """Returns a sentence for everything that is left out, and how objects were made."""
        notes = [f"{what}: {count}." for what, count in self.lost.items()]
        if self._regions:
            names = self._source.class_names
            but = "" if self._background is None else f"{names[self._background]!r} is background; "
            notes.append(f"{but}each connected region of a class is an object.")
        return notes

    def images(self, split: str) -> Iterator[LabeledImage]:
        """Yields the images of a split in order; unreadable ones are counted in `errors`."""
        keys = self._source.keys
        stored = isinstance(self._source, ObjectSource) and "instances" not in keys
        labels_only = (stored or "masks" not in keys) and not self._maps and not self._single
        for number, loaded in enumerate(load_samples(self._source, split, labels_only), 1):
            if loaded.error:
                self.errors.append(loaded.error)
                continue
            yield self._image(loaded, split, number)

    def _image(self, loaded: LoadedSample, split: str, number: int) -> LabeledImage:
        path = image_file(loaded.record)
        sample = loaded.sample
        image = LabeledImage(
            loaded.name if path else f"{split}_{number:06d}",
            split,
            loaded.width,
            loaded.height,
            None if path is None else Path(path),
            sample["image"] if path is None else None,
        )
        if self._maps:
            image.segmentation = sample["segmentation"]
        if self._objects:
            image.objects = self._read_objects(loaded)
        elif self._single:
            image.objects = self._read_single(sample)
        elif self._regions:
            image.objects = list(objects_of_map(sample["segmentation"], self._background))
        elif "label" in sample:
            image.label = int(sample["label"])
        return image

    def _read_objects(self, loaded: LoadedSample) -> list[LabeledObject]:
        sample = loaded.sample
        rows = np.flatnonzero(sample["labels"] >= 0)
        if invalid := len(sample["labels"]) - len(rows):
            self.lost["objects left out, as they have a defect"] += invalid
        outlines = Outlines(loaded) if self.names.outlines else None
        objects = []
        for row in map(int, rows):
            box = np.asarray(sample["boxes"][row], np.float64)
            item = LabeledObject(int(sample["labels"][row]), box)
            item.crowd, item.difficult = (
                bool(sample[key][row]) if key in sample else False for key in ("crowd", "difficult")
            )
            if "keypoints" in sample and self.names.keypoints:
                # A data set of one person per image has (K, 3) keypoints.
                points = np.reshape(sample["keypoints"], (-1, len(self.names.keypoints), 3))
                item.keypoints = _annotated(points[row]) if row < len(points) else None
            if "texts" in sample:
                item.caption = _text(sample["texts"][row])
            if "areas" in loaded.record:
                item.area = float(loaded.record["areas"][row])
            if outlines is not None:
                outlines.add_to(item, row)
            objects.append(item)
        return objects

    def _read_single(self, sample: dict[str, np.ndarray]) -> list[LabeledObject]:
        box = np.asarray(sample["box"], np.float64)
        if not (box[2:] > box[:2]).all():
            self.lost["images without a valid object"] += 1
            return []
        item = LabeledObject(int(sample["label"]) if "label" in sample else 0, box)
        if "keypoints" in sample:
            item.keypoints = _annotated(sample["keypoints"])
        return [item]


class Outlines:
    """The outlines of the objects of a sample.

    Args:
        loaded: sample of a record with `masks`, with polygons and run lengths in the record, an
            instance map in the sample, or masks in the frames of their boxes.
    """

    def __init__(self, loaded: LoadedSample):
        self._record, self._sample = loaded.record, loaded.sample
        self._height, self._width = loaded.height, loaded.width
        self._polygons: dict[int, list[np.ndarray]] = {}
        self._runs: dict[int, Rle] = {}
        if "polygon_sizes" in self._record:
            self._read_polygons()
            self._read_runs()
        if "instances" in self._sample:
            self._read_map()

    def _read_polygons(self) -> None:
        points = self._record["polygons"].numpy()
        fractions = points.dtype.kind == "f"
        scale = [self._width, self._height] if fractions else [1 / _FIFTHS] * 2
        ends = np.cumsum(self._record["polygon_sizes"].numpy())
        parts = np.split(points * np.asarray(scale, np.float64), ends[:-1]) if len(ends) else []
        for owner, part in zip(self._record["polygon_owners"].numpy().tolist(), parts, strict=True):
            self._polygons.setdefault(owner, []).append(part)

    def _read_runs(self) -> None:
        owners = self._record["run_owners"].numpy().tolist()
        if not owners:
            return
        from faster_coco_eval import mask as coco

        ends = np.cumsum(self._record["run_sizes"].numpy())
        parts = np.split(self._record["runs"].numpy(), ends[:-1])
        size = [self._height, self._width]
        for owner, part in zip(owners, parts, strict=True):
            if part.sum() == self._height * self._width:
                rle: Any = {"size": size, "counts": part.tolist()}
                self._runs[owner] = coco.frPyObjects(rle, *size)

    def _read_map(self) -> None:
        instances = self._sample["instances"]
        if "instance_ids" in self._record:
            ids = self._record["instance_ids"].numpy()
        else:
            ids = np.unique(instances[instances > 0])
            if len(ids) != len(self._sample["labels"]):
                ids = np.arange(1, len(self._sample["labels"]) + 1)
        for row in np.flatnonzero(self._sample["labels"] >= 0):
            mask = instances == ids[row]
            if ids[row] and mask.any() and int(row) not in self._polygons:
                self._runs[int(row)] = encode(mask)

    def add_to(self, item: LabeledObject, row: int) -> None:
        """Adds the outline of row `row` to its object, if it has one."""
        item.polygons = self._polygons.get(row, [])
        item.rle = self._runs.get(row)
        if "polygon_sizes" in self._record or "instances" in self._sample:
            return
        mask = self._sample["masks"][row]
        if mask.size and mask.min() < _NO_OUTLINE:
            item.rle = encode(paste_mask(mask, item.box, self._height, self._width))


def _annotated(keypoints: np.ndarray) -> np.ndarray | None:
    """Returns keypoints (K, 3), None if all are absent."""
    return keypoints if (keypoints[:, 2] > 0).any() else None


def _text(value: Any) -> str:
    return value.decode(errors="replace") if isinstance(value, bytes) else str(value)
