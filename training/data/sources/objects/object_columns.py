"""The annotations of a split as a few long tensors, so that 100,000 images need little memory."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Iterable
from itertools import chain

import numpy as np
import tensorflow as tf

from training.data.sources.objects.annotations import AnnotatedImage, Annotation
from training.data.sources.objects.mask_rasterization import in_fifths
from training.data.sources.objects.object_checks import boxes_of, to_float32

_INT32_MAX = 2**31 - 1


@dataclasses.dataclass(frozen=True)
class Columns:
    """Values of all records of a split.

    Attributes:
        plain: one value per record.
        ragged: values of all records concatenated, and the start index of each record.
    """

    plain: dict[str, tf.Tensor]
    ragged: dict[str, tuple[tf.Tensor, tf.Tensor]]

    def row(self, index: tf.Tensor) -> dict[str, tf.Tensor]:
        """Returns one record; runs inside tf.data, where the columns are not copied."""
        record = {key: tf.gather(column, index) for key, column in self.plain.items()}
        for key, (values, starts) in self.ragged.items():
            record[key] = values[starts[index] : starts[index + 1]]
        return record


def columns_of(
    images: list[AnnotatedImage], keys: Iterable[str], keypoints: int, relative: bool
) -> Columns:
    """Returns the columns of a split; of the keys, `masks`, `keypoints` and `texts` add columns."""
    annotations = [item for image in images for item in image.annotations]
    starts = _starts([len(image.annotations) for image in images])
    # On a GPU the pipeline would copy every record from there.
    with tf.device("CPU"):
        plain = {
            "image": tf.constant([os.fsencode(image.file) for image in images], tf.string),
            "size": tf.constant(_sizes(images)),
            "image_id": tf.constant([image.image_id for image in images], tf.int64),
        }
        by_object: dict[str, np.ndarray] = {
            "boxes": to_float32(boxes_of(images)),
            "labels": np.array([item.label for item in annotations], np.int32),
            "crowd": np.array([item.crowd for item in annotations], bool),
            "difficult": np.array([item.difficult for item in annotations], bool),
        }
        areas = np.array([item.area for item in annotations], np.float64)
        if "keypoints" in keys:
            by_object["keypoints"] = _keypoints(annotations, keypoints)
        mask_columns: dict[str, tuple[tf.Tensor, tf.Tensor]] = {}
        if "masks" in keys:
            by_object["instance_ids"] = np.array(
                [item.instance_id for item in annotations], np.int32
            )
            mask_columns, outlined = _mask_columns(images, relative)
            areas = np.where(areas > 0, areas, outlined)
        by_object["areas"] = areas
        ragged = {key: (tf.constant(values), starts) for key, values in by_object.items()}
        if "texts" in keys:
            captions = [item.caption.encode(errors="replace") for item in annotations]
            ragged["texts"] = (tf.constant(captions, tf.string, (len(captions),)), starts)
        ragged.update(mask_columns)
    return Columns(plain, ragged)


def _sizes(images: list[AnnotatedImage]) -> np.ndarray:
    """Returns (R, 2) int32 stated width and height."""
    sizes = [(min(image.width, _INT32_MAX), min(image.height, _INT32_MAX)) for image in images]
    return np.array(sizes, np.int32).reshape(-1, 2)


def _starts(counts: list[int]) -> tf.Tensor:
    return tf.constant(np.concatenate([[0], np.cumsum(counts)]).astype(np.int64))


def _keypoints(annotations: list[Annotation], keypoints: int) -> np.ndarray:
    """Returns (N, K, 3) float32 keypoints; zeros for an object without keypoints."""
    absent = [0.0] * (3 * keypoints)
    values = [item.keypoints if len(item.keypoints) else absent for item in annotations]
    return np.array(values, np.float32).reshape(-1, keypoints, 3)


def _mask_columns(
    images: list[AnnotatedImage], relative: bool
) -> tuple[dict[str, tuple[tf.Tensor, tf.Tensor]], np.ndarray]:
    """Returns polygons and run lengths of all annotations, with their sizes and owners.

    Also returns the area (N,) float64 of each annotation's outline; 0 without one.
    """
    polygons, runs = [], []
    for image in images:
        items = list(enumerate(image.annotations))
        polygons.append([(i, polygon) for i, item in items for polygon in item.polygons])
        runs.append([(i, item.run_lengths) for i, item in items if len(item.run_lengths)])
    objects = np.array([len(image.annotations) for image in images], int)
    areas = np.zeros(objects.sum())
    columns = {}
    for name, length, parts in (("polygon", 2, polygons), ("run", 1, runs)):
        flat = list(chain.from_iterable(parts))
        sizes = np.array([len(values) // length for _, values in flat], np.int32)
        counts = [len(part) for part in parts]
        totals = [sum(len(values) // length for _, values in part) for part in parts]
        values = np.fromiter(chain.from_iterable(v for _, v in flat), np.float64)
        owners = np.array([index for index, _ in flat], np.int32)
        first_of_image = np.repeat(np.cumsum(objects) - objects, np.array(counts, int))
        if name == "run":
            part_areas = _run_areas(values, sizes)
            values = values.astype(np.int32)
        else:
            values = values.reshape(-1, 2)
            part_areas = _polygon_areas(values, sizes)
            values = values.astype(np.float32) if relative else in_fifths(values)
        areas += np.bincount(first_of_image + owners, part_areas, len(areas))
        columns[f"{name}s"] = (tf.constant(values), _starts(totals))
        columns[f"{name}_sizes"] = (tf.constant(sizes), _starts(counts))
        columns[f"{name}_owners"] = (tf.constant(owners), columns[f"{name}_sizes"][1])
    return columns, areas


def _polygon_areas(points: np.ndarray, sizes: np.ndarray) -> np.ndarray:
    """Returns the areas (P,) of polygons, (V, 2) points one after the other, by their sizes."""
    if not len(points):
        return np.zeros(len(sizes))
    ends = np.cumsum(sizes)
    following = np.arange(1, len(points) + 1)
    following[ends - 1] = ends - sizes
    x, y = points.T
    return np.abs(np.add.reduceat(x * y[following] - x[following] * y, ends - sizes)) / 2


def _run_areas(runs: np.ndarray, sizes: np.ndarray) -> np.ndarray:
    """Returns the numbers of pixels (Q,) inside of masks, the sums of their odd runs."""
    starts = np.cumsum(sizes) - sizes
    inside = (np.arange(len(runs)) - np.repeat(starts, sizes)) % 2
    return np.bincount(np.repeat(np.arange(len(sizes)), sizes), runs * inside, len(sizes))
