"""The base class of data sets that consist of files."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from training.data.sources.reading.defects import Defect
from training.data.sources.reading.image_files import open_image
from training.data.sources.source import Record, Source
from zoo.errors import InputError


class FileSource(Source):
    """Base class of data sets of files: every split is a table of paths and other columns.

    A subclass implements `open`, whose image is a `LazyImage`.
    """

    def __init__(self, root: str) -> None:
        super().__init__()
        self.root = Path(root)
        if not root or not self.root.is_dir():
            raise InputError(f"{root or '(nothing)'}: no such folder; use FORMAT:FOLDER.")
        self.tables: dict[str, dict[str, np.ndarray]] = {}

    def report(self, defect: Defect) -> bool:
        """Records a defect; returns whether to drop the object or image."""
        self.defects.append(defect)
        return False

    def add_split(self, split: str, columns: dict[str, list[Any]]) -> None:
        """Adds a split, possibly empty; each column has one value per record."""
        # Without values, the columns of FileSource are those of paths.
        self.tables[split] = {
            key: np.asarray(values) if len(values) else np.zeros(0, np.str_)
            for key, values in columns.items()
        }
        self.sizes[split] = len(next(iter(columns.values())))

    def add_pairs(self, splits: dict[str, list[tuple[Path, Path]]], key: str) -> None:
        """Adds splits of images and one other file each, in columns `image` and `key`."""
        for split, pairs in splits.items():
            images, others = ([str(pair[i]) for pair in pairs] for i in range(2))
            self.add_split(split, {"image": images, key: others})

    def columns(self, split: str) -> Iterable[np.ndarray]:
        """Returns all values of a split's records, including paths."""
        return self.tables[split].values()

    def raw(self, split: str, seed: tf.Tensor | None = None) -> tf.data.Dataset:
        order = tf.range(self.sizes[split])
        if seed is not None:
            order = tf.random.experimental.stateless_shuffle(order, seed)
        row = tf.autograph.experimental.do_not_convert(self.rows(split))
        return tf.data.Dataset.from_tensor_slices(order).map(row)

    def rows(self, split: str) -> Callable[[tf.Tensor], Record]:
        # On a GPU the pipeline would copy every record from there.
        with tf.device("CPU"):
            columns = {key: tf.constant(column) for key, column in self.tables[split].items()}
        return lambda index: {key: tf.gather(column, index) for key, column in columns.items()}

    def decode(self, record: Record) -> dict[str, tf.Tensor]:
        sample = self.open(record)
        return {**sample, "image": sample["image"].decode()}

    def size_of(self, record: Record) -> tf.Tensor:
        image = open_image(record["image"])
        return tf.stack([image.height, image.width])

    def fingerprint(self, split: str) -> bytes:
        digest = hashlib.sha256(super().fingerprint(split))
        for column in self.columns(split):
            if column.dtype.kind not in "OSU":
                digest.update(np.ascontiguousarray(column).tobytes())
                continue
            for value in column.ravel().tolist():
                path = value.encode(errors="surrogateescape") if isinstance(value, str) else value
                digest.update(path + b"\0" + _file_state(path))
        return digest.digest()

    def name_of(self, record: Record) -> str:
        return record["image"].numpy().decode(errors="replace")


def _file_state(path: bytes) -> bytes:
    """Returns size and modification time of a file; nothing if there is no such file."""
    try:
        status = os.stat(path)
    except (OSError, ValueError):
        return b""
    return f"{status.st_size} {status.st_mtime_ns}".encode()
