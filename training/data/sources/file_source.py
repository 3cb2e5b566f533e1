"""What all data sets made of files share."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from training.data.sources.reading.image_files import open_image
from training.data.sources.source import Record, Source
from zoo.errors import InputError


class FileSource(Source):
    """A data set of files: every split is a table of paths (and other columns).

    A reader implements `open`, whose image is a `LazyImage`.
    """

    def __init__(self, root: str) -> None:
        super().__init__()
        self.root = Path(root)
        if not root or not self.root.is_dir():
            raise InputError(f"{root or '(nothing)'}: no such folder; give FORMAT:FOLDER.")
        self.tables: dict[str, dict[str, np.ndarray]] = {}

    def add_split(self, split: str, columns: dict[str, list[Any]]) -> None:
        """Adds a split; the columns have one entry a record."""
        self.tables[split] = {key: np.asarray(values) for key, values in columns.items()}
        self.sizes[split] = len(next(iter(columns.values())))

    def columns(self, split: str) -> Iterable[np.ndarray]:
        """All values of a split's records, those that are paths among them."""
        return self.tables[split].values()

    def raw(self, split: str, seed: tf.Tensor | None = None) -> tf.data.Dataset:
        order = tf.range(self.sizes[split])
        if seed is not None:
            order = tf.random.experimental.stateless_shuffle(order, seed)
        row = tf.autograph.experimental.do_not_convert(self.rows(split))
        return tf.data.Dataset.from_tensor_slices(order).map(row)

    def rows(self, split: str) -> Callable[[tf.Tensor], Record]:
        # Not on a GPU, where the pipeline would fetch every record from.
        with tf.device("CPU"):
            columns = {key: tf.constant(column) for key, column in self.tables[split].items()}
        return lambda number: {key: tf.gather(column, number) for key, column in columns.items()}

    def decode(self, record: Record) -> dict[str, tf.Tensor]:
        sample = self.open(record)
        return {**sample, "image": sample["image"].whole()}

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
                digest.update(path + b"\0" + _state_of(path))
        return digest.digest()

    def name_of(self, record: Record) -> str:
        return record["image"].numpy().decode(errors="replace")


def _state_of(path: bytes) -> bytes:
    """What tells whether a file is still the same; nothing where the text names no file."""
    try:
        found = os.stat(path)
    except (OSError, ValueError):
        return b""
    return f"{found.st_size} {found.st_mtime_ns}".encode()
