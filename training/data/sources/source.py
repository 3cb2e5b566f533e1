"""The interface of a data set."""

from __future__ import annotations

import abc
import contextlib
import itertools
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import numpy as np
import tensorflow as tf

from training.data.sources.reading.defects import Defect, listing
from training.data.sources.reading.graph_checks import describe_error
from zoo.errors import InputError

Record = dict[str, Any]
Sample = dict[str, Any]
"""Values by key of the sample schema; the image may be a `LazyImage`, all others are tensors."""


class Source(abc.ABC):
    """A data set: records in splits, each of which is decoded to a sample of the schema.

    Attributes:
        spec: `FORMAT[:WHERE][?option=value&…]`, as passed to `open_source`.
        class_names: class names of the segmentation map, with the background at index 0.
        object_names: class names of `labels`, without a background.
        label_names: class names of `label`.
        keypoint_names: names of the K rows of `keypoints`.
        skeleton: pairs of keypoint indices that a limb connects.
        flip_pairs: (left, right) pairs of keypoint indices that a horizontal flip swaps; None if
            unknown, so that images cannot be flipped.
        keys: keys of the samples.
        sizes: number of records by split.
        notes: remarks on how the data set was read, each a sentence.
        defects: problems of the label files. A record with a defect is still used if possible,
            unless the data set was opened with `drop_bad=1`.
    """

    spec: str = ""
    class_names: tuple[str, ...] = ()
    object_names: tuple[str, ...] = ()
    label_names: tuple[str, ...] = ()
    keypoint_names: tuple[str, ...] = ()
    skeleton: tuple[tuple[int, int], ...] = ()
    flip_pairs: tuple[tuple[int, int], ...] | None = None
    keys: tuple[str, ...] = ()
    sizes: dict[str, int]
    notes: list[str]
    defects: list[Defect]

    def __init__(self) -> None:
        self.sizes = {}
        self.notes = []
        self.defects = []

    @property
    def num_classes(self) -> int:
        """Number of classes of the segmentation map."""
        return len(self.class_names)

    @abc.abstractmethod
    def raw(self, split: str, seed: tf.Tensor | None = None) -> tf.data.Dataset:
        """Returns the records of a split, not yet decoded.

        Args:
            split: a key of `sizes`.
            seed: (2,) integer tensor that alone determines the order; None for the stored order.
        """

    @abc.abstractmethod
    def decode(self, record: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        """Returns the sample of a record; runs inside tf.data."""

    def open(self, record: dict[str, tf.Tensor]) -> Sample:
        """Returns the sample of a record, with a `LazyImage` if the source can decode in part."""
        return self.decode(record)

    def rows(self, split: str) -> Callable[[tf.Tensor], Record] | None:
        """Returns a function from the index of a record, a scalar, to the record.

        The function runs inside tf.data. None if records can only be read in sequence.
        """
        return None

    def key_of(self, record: Record) -> tf.Tensor:
        """Returns an int64 scalar unique to the record in its split; for sources without `rows`."""
        raise NotImplementedError(f"{type(self).__name__} has no keys of records.")

    def size_of(self, record: Record) -> tf.Tensor:
        """Returns (2,) int32 height and width of a record's image."""
        return tf.shape(self.decode(record)["image"])[:2]

    def fingerprint(self, split: str) -> bytes:
        """Returns bytes that change if a record of the split, or how it is read, changes."""
        names = (self.class_names, self.object_names, self.label_names, self.keypoint_names)
        return repr((self.spec, self.sizes, self.keys, self.flip_pairs, names)).encode()

    def provide(self, keys: Iterable[str]) -> None:
        """Adds keys to the samples that the data set can derive from others, if it lacks them.

        Called with the targets of a model before its batches are made; here there are none.
        """
        return

    def check_trainable(self, targets: tuple[str, ...]) -> None:
        """Raises InputError if nothing can be learned of a target, such as a single class.

        Args:
            targets: keys of the samples that a model is trained on.
        """
        return

    @abc.abstractmethod
    def name_of(self, record: dict[str, tf.Tensor]) -> str:
        """Returns the name of a record for messages, such as its file."""

    def names_for(self, key: str) -> tuple[str, ...]:
        """Returns the class or keypoint names of a key of the schema; empty if there are none."""
        names = {
            "segmentation": self.class_names,
            "labels": self.object_names,
            "label": self.label_names,
            "keypoints": self.keypoint_names,
        }
        return names.get(key, ())

    def check_split(self, split: str) -> str:
        """Returns `split`; raises InputError if the data set has no such split."""
        if split not in self.sizes:
            raise InputError(
                f"{self.spec or 'this data set'} has no split {split!r}; it has "
                f"{', '.join(f'{name} ({size})' for name, size in self.sizes.items())}."
            )
        return split

    def check_images(self, split: str) -> str:
        """Returns `split`; raises InputError if it does not exist or has no images.

        The message names the defects that left it without images.
        """
        if self.sizes.get(split):
            return split
        defects = [defect for defect in self.defects if defect.split in (split, "")]
        if not defects:
            self.check_split(split)
            raise InputError(f"{self.spec}: split {split} has no images; add some.")
        more = f" (and {len(defects) - 2} more)" if len(defects) > 2 else ""
        raise InputError(
            f"{self.spec}: split {split} has no images left{more}: "
            f"{' '.join(map(str, defects[:2]))} {listing(self.spec)} lists all defects."
        )

    def validation_split(self) -> str:
        """Returns the validation split, `val`, or `test` where none is named `val`.

        Raises:
            InputError: if there is neither, or it has no images.
        """
        for split in ("val", "test"):
            if split in self.sizes:
                return self.check_images(split)
        raise InputError(f"{self.spec}: no validation images; add a split val or test.")

    def samples(
        self,
        split: str,
        limit: int | None = None,
        on_error: Callable[[str, str], None] | None = None,
    ) -> Iterator[tuple[str, dict[str, np.ndarray]]]:
        """Yields name and sample of each record, in stored order and size.

        Args:
            split: a key of `sizes`.
            limit: maximum number of samples, evenly spread over the split; all by default.
            on_error: function that takes name and message of a record that cannot be decoded, which
                is then left out; by default it is an error.

        Raises:
            InputError: if a record cannot be read; the message names its file.
        """
        decode = tf.function(self.decode, reduce_retracing=True, autograph=False)
        records = iter(self.raw(self.check_split(split)))
        last = self.sizes[split] - 1
        chosen = None if limit is None else np.linspace(0, last, min(limit, last + 1)).round()
        for index in itertools.count():
            try:
                record = next(records)
            except StopIteration:
                return
            except tf.errors.OpError as error:
                raise InputError(describe_error(f"{self.spec}: split {split}", error)) from error
            if chosen is not None and index not in chosen:
                continue
            name = self.name_of(record)
            try:
                sample = {key: value.numpy() for key, value in decode(record).items()}
            except tf.errors.OpError as error:
                message = describe_error(name, error)
                if on_error is None:
                    raise InputError(message) from error
                on_error(name, message)
                continue
            yield name, sample

    def error_message(self, record: dict[str, tf.Tensor], error: tf.errors.OpError) -> str:
        """Returns one line about a record that `decode` failed on."""
        return describe_error(self.name_of(record), error)

    @contextlib.contextmanager
    def translate_errors(self, *splits: str) -> Iterator[None]:
        """Raises InputError instead of a TensorFlow error in the block if a record is the cause.

        Every record of the splits is read again to find the first bad one.
        """
        try:
            yield
        except tf.errors.OpError:
            for split in splits:
                for _ in self.samples(split):
                    pass
            raise
