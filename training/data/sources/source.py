"""The contract of a data set, and what all data sets made of files share."""

from __future__ import annotations

import abc
import contextlib
import itertools
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import tensorflow as tf

from training.data.sources.reading.defects import Defect
from zoo.errors import InputError

Record = dict[str, Any]
Sample = dict[str, Any]
"""By key of the schema; the image may be a `LazyImage`, everything else is a tensor."""
SPLITS = ("train", "val", "test")


class Source(abc.ABC):
    """A data set: records in splits, each of which becomes a sample of the schema.

    Attributes:
        spec: how it was named on the command line.
        class_names: of the class map, background first where there is one.
        object_names: of the objects' classes (`labels`), counted from 0, without a background.
        label_names: of the image's classes (`label`), counted from 0.
        joint_names: of the K rows of `keypoints`.
        skeleton: pairs of joints between which an image shows a limb.
        keys: keys of its samples.
        sizes: records in each split.
        notes: what the user should be told about how it was read.
        defects: what was found wrong with the labels while they were read; a record with a defect
            is still given wherever it can be, unless the data set was opened with `drop_bad=1`.
        joint_pairs: left and right joints that change places in a mirrored image.
    """

    spec: str = ""
    class_names: tuple[str, ...] = ()
    object_names: tuple[str, ...] = ()
    label_names: tuple[str, ...] = ()
    joint_names: tuple[str, ...] = ()
    skeleton: tuple[tuple[int, int], ...] = ()
    keys: tuple[str, ...] = ()
    sizes: dict[str, int]
    notes: list[str]
    defects: list[Defect]
    joint_pairs: tuple[tuple[int, int], ...] | None = None

    def __init__(self) -> None:
        self.sizes = {}
        self.notes = []
        self.defects = []

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

    def open(self, record: dict[str, tf.Tensor]) -> Sample:
        """The sample, its image a `LazyImage` where it need not be decoded whole."""
        return self.decode(record)

    def rows(self, split: str) -> Callable[[tf.Tensor], Record] | None:
        """From the place of a record in the split, a scalar, to the record; runs inside tf.data.

        None where records can only be read one after the other.
        """
        return None

    def key_of(self, record: Record) -> tf.Tensor:
        """An int64 scalar that no other record of the split has; for sources without `rows`."""
        raise NotImplementedError(f"{type(self).__name__} does not tell its records apart.")

    def size_of(self, record: Record) -> tf.Tensor:
        """(2,) int32 height and width of a record's image."""
        return tf.shape(self.decode(record)["image"])[:2]

    def fingerprint(self, split: str) -> bytes:
        """Changes when a record of the split changes, or how it is read."""
        names = (self.class_names, self.object_names, self.label_names, self.joint_names)
        return repr((self.spec, self.sizes, self.keys, self.joint_pairs, names)).encode()

    @abc.abstractmethod
    def name_of(self, record: dict[str, tf.Tensor]) -> str:
        """What to call a record in a message: its file."""

    def names_for(self, key: str) -> tuple[str, ...]:
        """What the numbers of a key of the schema stand for; empty where they have no names."""
        names = {
            "segmentation": self.class_names,
            "labels": self.object_names,
            "label": self.label_names,
            "keypoints": self.joint_names,
        }
        return names.get(key, ())

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

    def samples(
        self, split: str, limit: int | None = None
    ) -> Iterator[tuple[str, dict[str, np.ndarray]]]:
        """Name and sample of each record, in the data set's own order and size.

        Args:
            split: a key of `sizes`.
            limit: give at most so many, evenly spread over the split.

        Raises:
            InputError: a record cannot be read; the message names its file.
        """
        decode = tf.function(self.decode, reduce_retracing=True, autograph=False)
        records = iter(self.raw(self.check_split(split)))
        last = self.sizes[split] - 1
        places = None if limit is None else np.linspace(0, last, min(limit, last + 1)).round()
        for number in itertools.count():
            name = f"{self.spec}, split {split}"
            try:
                record = next(records)
                if places is not None and number not in places:
                    continue
                name = self.name_of(record)
                sample = decode(record)
            except StopIteration:
                return
            except tf.errors.OpError as error:
                raise InputError(_complaint(name, error)) from error
            yield name, {key: value.numpy() for key, value in sample.items()}

    def complaint(self, record: dict[str, tf.Tensor], error: tf.errors.OpError) -> str:
        """One line on why a record cannot be read, from the error of a compiled `decode`."""
        return _complaint(self.name_of(record), error)

    @contextlib.contextmanager
    def explaining(self, *splits: str) -> Iterator[None]:
        """Turns an error of TensorFlow in the block into InputError, if a record is to blame.

        Every record of the splits is read again to find the first bad one.
        """
        try:
            yield
        except tf.errors.OpError:
            for split in splits:
                for _ in self.samples(split):
                    pass
            raise


def demand(condition: tf.Tensor, *words: str | tf.Tensor) -> tf.Operation:
    """Asserts inside the graph; the words, scalar numbers among them, say what is wrong."""

    def fail() -> tf.Operation:
        parts = [
            word if isinstance(word, str) or word.dtype == tf.string else tf.strings.as_string(word)
            for word in words
        ]
        return tf.debugging.Assert(False, [tf.strings.join(parts)])

    # The words are put together only where they are needed.
    return tf.cond(condition, tf.no_op, fail)


def _complaint(name: str, error: tf.errors.OpError) -> str:
    """One line from TensorFlow's many: the record, what is wrong with it, and what to do."""
    if isinstance(error, tf.errors.NotFoundError):
        return f"{name}: no such file; put it back or take it off the list."
    if isinstance(error, tf.errors.PermissionDeniedError):
        return f"{name}: no permission to read it; change that or remove it."
    # The reason is the last line before TensorFlow names the node that failed.
    text = (error.message or str(error)).split("[[{{node")[0].split(" [Op:")[0]
    line = ([line.strip() for line in text.splitlines() if line.strip()] or ["no reason given"])[-1]
    if "InputError: " in line:
        return line.split("InputError: ", 1)[1]
    if "assertion failed: [" in line:
        return f"{name}: {line.split('assertion failed: [', 1)[1].removesuffix(']')}"
    return f"{name}: damaged or not an image ({line}); save it again or remove it."
