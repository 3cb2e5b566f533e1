"""The contract of a data set, and what all data sets made of files share."""

from __future__ import annotations

import abc
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from zoo.errors import InputError

SPLITS = ("train", "val", "test")


class Source(abc.ABC):
    """A data set: records in splits, each of which becomes a sample of the schema.

    Attributes:
        spec: how it was named on the command line.
        class_names: of the class map, background first where there is one.
        keys: keys of its samples.
        sizes: records in each split.
        notes: what the user should be told about how it was read.
        joint_pairs: left and right joints that change places in a mirrored picture.
    """

    spec: str = ""
    class_names: tuple[str, ...] = ()
    keys: tuple[str, ...] = ()
    sizes: dict[str, int]
    notes: list[str]
    joint_pairs: tuple[tuple[int, int], ...] | None = None

    def __init__(self) -> None:
        self.sizes = {}
        self.notes = []

    @property
    def num_classes(self) -> int:
        """Number of classes of the class map."""
        return len(self.class_names)

    @abc.abstractmethod
    def raw(self, split: str, seed: tf.Tensor | None = None) -> tf.data.Dataset:
        """Records still to be decoded.

        Args:
            split: a key of `sizes`.
            seed: None for the data set's own order; else a (2,) integer tensor on which alone the
                order depends.
        """

    @abc.abstractmethod
    def decode(self, record: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        """A sample from a record; runs inside tf.data."""

    @abc.abstractmethod
    def name_of(self, record: dict[str, tf.Tensor]) -> str:
        """What to call a record in a message: its file."""

    def check_split(self, split: str) -> str:
        """Returns `split`, or raises InputError naming the splits there are."""
        if split not in self.sizes:
            raise InputError(
                f"{self.spec or 'this data set'} has no split {split!r}; it has "
                f"{', '.join(f'{name} ({size})' for name, size in self.sizes.items())}."
            )
        return split

    def held_out(self) -> str:
        """The split to validate on: `val`, else `test`."""
        for split in ("val", "test"):
            if self.sizes.get(split):
                return split
        raise InputError(f"{self.spec}: no val or test split to measure on.")

    def samples(self, split: str) -> Iterator[tuple[str, dict[str, np.ndarray]]]:
        """Name and sample of each record, in the data set's own order and size.

        Raises:
            InputError: a record cannot be read; the message names its file.
        """
        decode = tf.function(self.decode, reduce_retracing=True, autograph=False)
        for record in self.raw(self.check_split(split)):
            try:
                sample = decode(record)
            except tf.errors.OpError as error:
                raise InputError(self.complaint(record, error)) from error
            yield self.name_of(record), {key: value.numpy() for key, value in sample.items()}

    def first_defect(self, split: str) -> str | None:
        """Reads every record again and says what is wrong with the first bad one, or None."""
        for record in self.raw(split):
            try:
                self.decode(record)
            except tf.errors.OpError as error:
                return self.complaint(record, error)
        return None

    def complaint(self, record: dict[str, tf.Tensor], error: tf.errors.OpError) -> str:
        """One line on why a record cannot be read."""
        return f"{self.name_of(record)}: {_reason(error)}"


class FileSource(Source):
    """A data set of files: every split is a table of paths (and other columns)."""

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

    def raw(self, split: str, seed: tf.Tensor | None = None) -> tf.data.Dataset:
        columns = {key: tf.constant(column) for key, column in self.tables[split].items()}
        order = tf.range(self.sizes[split])
        if seed is not None:
            order = tf.random.experimental.stateless_shuffle(order, seed)

        @tf.autograph.experimental.do_not_convert
        def record(number: tf.Tensor) -> dict[str, tf.Tensor]:
            return {key: tf.gather(column, number) for key, column in columns.items()}

        return tf.data.Dataset.from_tensor_slices(order).map(record)

    def name_of(self, record: dict[str, tf.Tensor]) -> str:
        return record["image"].numpy().decode(errors="replace")


def _reason(error: tf.errors.OpError) -> str:
    """TensorFlow's message cut down to the part that concerns the file."""
    text = (error.message or str(error)).strip()
    if isinstance(error, tf.errors.NotFoundError):
        return "no such file"
    if isinstance(error, tf.errors.PermissionDeniedError):
        return "no permission to read it"
    for mark in ("InputError: ", "assertion failed: ["):
        if mark in text:
            return text.split(mark, 1)[1].split("\n")[0].split("]")[0].strip()
    first = text.split("{{")[0].split("[Op:")[0].splitlines()[0].strip()
    return f"cannot be decoded, damaged or not a picture ({first})"
