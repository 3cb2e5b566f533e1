"""A cache of samples in this process."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import tensorflow as tf

from training.data.batch_order import without_autograph
from training.data.cache.cached_source import CachedSource, MakeSample, in_order
from training.data.sources import Sample, Source
from zoo.errors import InputError

_MEMORY_FRACTION = 0.7
_SAMPLES_MEASURED = 16


class MemoryCache(CachedSource):
    """A data set whose samples are cached in memory at their first use, if they fit."""

    def __init__(self, source: Source, split: str, make: MakeSample):
        super().__init__(source, split, make)
        self._check_memory()
        with tf.device("CPU"):
            self.tables = [
                tf.lookup.experimental.MutableHashTable(
                    tf.int64, tf.string, "", experimental_is_anonymous=True
                )
                for _ in self.parts
            ]

    def _check_memory(self) -> None:
        """Extrapolates the size of a few samples, evenly spread, to all."""
        count = self.sizes[self.split]
        every = max(1, count // _SAMPLES_MEASURED)
        lengths = without_autograph(
            lambda record: tf.add_n([tf.strings.length(text) for text in self.serialize(record)])
        )
        records = self.source.raw(self.split).shard(every, 0).take(_SAMPLES_MEASURED)
        sizes = [int(size) for size in records.map(lengths).as_numpy_iterator()]
        needed = count * sum(sizes) / max(1, len(sizes))
        memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
        if needed > _MEMORY_FRACTION * memory:
            raise InputError(
                f"cache=memory: the {count} samples of {self.split} need about "
                f"{needed / 2**30:.1f} GiB of the machine's {memory / 2**30:.1f} GiB; use "
                "cache=disk."
            )

    def raw(self, split: str, seed: tf.Tensor | None = None) -> tf.data.Dataset:
        row = self.rows(split)
        if row is not None:
            return in_order(self.sizes[split], seed).map(without_autograph(row))

        @without_autograph
        def keyed(record: dict[str, Any]) -> dict[str, Any]:
            return {"key": self.source.key_of(record), "record": record}

        return self.source.raw(split, seed).map(keyed)

    def rows(self, split: str) -> Callable[[tf.Tensor], dict[str, Any]] | None:
        row = self.source.rows(split)
        if row is None:
            return None

        def keyed(number: tf.Tensor) -> dict[str, Any]:
            return {"key": tf.cast(number, tf.int64), "record": row(number)}

        return keyed

    def size_of(self, record: dict[str, Any]) -> tf.Tensor:
        return self.source.size_of(record["record"])

    def open(self, record: dict[str, Any]) -> Sample:
        key = record["key"]
        # The first part is written last: where it exists, all parts do.
        first = self.tables[0].lookup(key)

        def cached() -> list[tf.Tensor]:
            return [first, *(table.lookup(key) for table in self.tables[1:])]

        def made() -> list[tf.Tensor]:
            strings = self.serialize(record["record"])
            others = zip(self.tables[1:], strings[1:], strict=True)
            with tf.control_dependencies([table.insert(key, text) for table, text in others]):
                done = self.tables[0].insert(key, strings[0])
            with tf.control_dependencies([done]):
                return [tf.identity(text) for text in strings]

        return self.parse(tf.cond(tf.strings.length(first) > 0, cached, made))

    def name_of(self, record: dict[str, Any]) -> str:
        return self.source.name_of(record["record"])
