"""The objects of a split as a few long tensors, so that 100,000 images take little memory."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Iterable
from itertools import chain

import numpy as np
import tensorflow as tf

from training.data.sources.objects.annotations import AnnotatedImage, Annotation
from training.data.sources.objects.mask_rasters import in_fifths
from training.data.sources.objects.object_checks import boxes_of, kept

_LARGEST = 2**31 - 1


@dataclasses.dataclass(frozen=True)
class Columns:
    """Values of all records of a split.

    Attributes:
        plain: one entry a record.
        ragged: values of all records one after the other, and where each record's begin.
    """

    plain: dict[str, tf.Tensor]
    ragged: dict[str, tuple[tf.Tensor, tf.Tensor]]

    def row(self, number: tf.Tensor) -> dict[str, tf.Tensor]:
        """The values of one record; runs inside tf.data, where the columns are not copied."""
        record = {key: tf.gather(column, number) for key, column in self.plain.items()}
        for key, (values, starts) in self.ragged.items():
            record[key] = values[starts[number] : starts[number + 1]]
        return record


def columns_of(
    images: list[AnnotatedImage], keys: Iterable[str], joints: int, relative: bool
) -> Columns:
    """Columns of a split.

    Args:
        images: its records.
        keys: those of the samples: `masks`, `keypoints`, `texts` need columns of their own.
        joints: K.
        relative: coordinates are fractions of the image's sides.
    """
    objects = [item for image in images for item in image.objects]
    starts = _starts([len(image.objects) for image in images])
    # Not on a GPU, where the pipeline would fetch every record from.
    with tf.device("CPU"):
        plain = {
            "image": tf.constant([os.fsencode(image.file) for image in images]),
            "size": tf.constant(_sizes(images)),
            "number": tf.constant([p.number for p in images], tf.int64),
        }
        by_object: dict[str, np.ndarray] = {
            "boxes": kept(boxes_of(images)),
            "labels": np.array([item.label for item in objects], np.int32),
            "crowd": np.array([item.crowd for item in objects], bool),
            "difficult": np.array([item.difficult for item in objects], bool),
        }
        if "keypoints" in keys:
            by_object["keypoints"] = _joints(objects, joints)
        if "masks" in keys:
            by_object["numbers"] = np.array([item.number for item in objects], np.int32)
        ragged = {key: (tf.constant(values), starts) for key, values in by_object.items()}
        if "texts" in keys:
            texts = [item.text.encode(errors="replace") for item in objects]
            ragged["texts"] = (tf.constant(texts, tf.string, (len(texts),)), starts)
        if "masks" in keys:
            ragged.update(_outlines(images, relative))
    return Columns(plain, ragged)


def _sizes(images: list[AnnotatedImage]) -> np.ndarray:
    """(R, 2) int32 stated width and height; absurd ones have been reported."""
    sizes = [(min(p.width, _LARGEST), min(p.height, _LARGEST)) for p in images]
    return np.array(sizes, np.int32).reshape(-1, 2)


def _starts(counts: list[int]) -> tf.Tensor:
    return tf.constant(np.concatenate([[0], np.cumsum(counts)]).astype(np.int64))


def _joints(objects: list[Annotation], joints: int) -> np.ndarray:
    """(N, K, 3) float32; zeros for an object without."""
    absent = [0.0] * (3 * joints)
    values = [item.keypoints if len(item.keypoints) else absent for item in objects]
    return np.array(values, np.float32).reshape(-1, joints, 3)


def _outlines(
    images: list[AnnotatedImage], relative: bool
) -> dict[str, tuple[tf.Tensor, tf.Tensor]]:
    """Polygons and runs of all objects."""
    polygons = [[(i, q) for i, o in enumerate(p.objects) for q in o.polygons] for p in images]
    runs = [[(i, o.runs) for i, o in enumerate(p.objects) if len(o.runs)] for p in images]
    found = {}
    for name, length, parts in (("polygon", 2, polygons), ("run", 1, runs)):
        each = list(chain.from_iterable(parts))
        sizes = np.array([len(values) // length for _, values in each], np.int32)
        counts = [len(part) for part in parts]
        totals = [sum(len(values) // length for _, values in part) for part in parts]
        values = np.fromiter(chain.from_iterable(v for _, v in each), np.float64)
        if name == "run":
            values = values.astype(np.int32)
        else:
            values = values.reshape(-1, 2)
            values = values.astype(np.float32) if relative else in_fifths(values)
        owners = np.array([index for index, _ in each], np.int32)
        found[f"{name}s"] = (tf.constant(values), _starts(totals))
        found[f"{name}_sizes"] = (tf.constant(sizes), _starts(counts))
        found[f"{name}_owners"] = (tf.constant(owners), found[f"{name}_sizes"][1])
    return found
