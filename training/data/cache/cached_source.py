"""Samples that are kept once they have been made, so that no later epoch decodes them again.

What is kept is what chance has no part in: for training the image as far reduced as the canvas
allows, with its labels; for validation the sample on its canvas. `cache=memory` keeps them in this
process, `cache=disk[:FOLDER]` in files that later runs read too (`training.data.cache.disk_cache`).
"""

from __future__ import annotations

import abc
import os
from collections.abc import Callable
from typing import Any

import tensorflow as tf

from training.data.augment.lazy_image import LazyImage
from training.data.sources import Sample, Source
from zoo.errors import InputError

Make = Callable[[dict[str, tf.Tensor]], Sample]
_SHARE = 0.7
_LOOKED_AT = 16


class CachedSource(Source):
    """One split of a data set whose samples are made once.

    Args:
        source: the data set.
        split: of it.
        make: from one of its records to what is kept; its image a tensor, or a `LazyImage`
            with `pixels`.
    """

    def __init__(self, source: Source, split: str, make: Make):
        super().__init__()
        for name in ("spec", "keys", "sizes", "joint_pairs"):
            setattr(self, name, getattr(source, name))
        self.source, self.split, self.make = source, split, make
        made = source.raw(split).map(without_autograph(lambda record: parts_of(make(record))))
        self.parts: dict[str, tf.TensorSpec] = dict(sorted(made.element_spec.items()))

    @abc.abstractmethod
    def open(self, record: dict[str, Any]) -> Sample:
        """The sample as it is kept."""

    def decode(self, record: dict[str, Any]) -> dict[str, tf.Tensor]:
        sample = self.open(record)
        image = sample["image"]
        return {**sample, "image": image.whole() if isinstance(image, LazyImage) else image}

    def serialized(self, record: dict[str, Any]) -> list[tf.Tensor]:
        """A sample made from a record of the source, as one string for each of `parts`."""
        parts = parts_of(self.make(record))
        return [tf.io.serialize_tensor(parts[name]) for name in self.parts]

    def parsed(self, texts: list[tf.Tensor]) -> dict[str, tf.Tensor]:
        """The parts of `serialized`."""
        found = {}
        for text, (name, spec) in zip(texts, self.parts.items(), strict=True):
            found[name] = tf.ensure_shape(tf.io.parse_tensor(text, spec.dtype), spec.shape)
        return found


class MemorySource(CachedSource):
    """Keeps samples in this process, each from the first time it is asked for.

    Raises:
        InputError: they would take more than the machine's memory.
    """

    def __init__(self, source: Source, split: str, make: Make):
        super().__init__(source, split, make)
        self._check_room()
        with tf.device("CPU"):
            self.tables = [
                tf.lookup.experimental.MutableHashTable(
                    tf.int64, tf.string, "", experimental_is_anonymous=True
                )
                for _ in self.parts
            ]

    def _check_room(self) -> None:
        """A few samples, evenly spread, tell how much all of them take."""
        count = self.sizes[self.split]
        every = max(1, count // _LOOKED_AT)
        lengths = without_autograph(
            lambda record: tf.add_n([tf.strings.length(text) for text in self.serialized(record)])
        )
        looked = self.source.raw(self.split).shard(every, 0).take(_LOOKED_AT).map(lengths)
        found = list(looked.as_numpy_iterator())
        needed = count * sum(map(int, found)) / max(1, len(found))
        room = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
        if needed > _SHARE * room:
            raise InputError(
                f"cache=memory: the {count} samples of {self.split} would take about "
                f"{needed / 2**30:.1f} GiB of the machine's {room / 2**30:.1f}; use cache=disk."
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
        # The first part is written last: where it is, all are.
        first = self.tables[0].lookup(key)

        def there() -> dict[str, tf.Tensor]:
            return self.parsed([first, *(table.lookup(key) for table in self.tables[1:])])

        def new() -> dict[str, tf.Tensor]:
            texts = self.serialized(record["record"])
            others = zip(self.tables[1:], texts[1:], strict=True)
            with tf.control_dependencies([table.insert(key, text) for table, text in others]):
                done = self.tables[0].insert(key, texts[0])
            with tf.control_dependencies([done]):
                return self.parsed([tf.identity(text) for text in texts])

        return sample_of(tf.cond(tf.strings.length(first) > 0, there, new))

    def name_of(self, record: dict[str, Any]) -> str:
        return self.source.name_of(record["record"])


def in_order(count: int, seed: tf.Tensor | None) -> tf.data.Dataset:
    """The numbers from 0 on, in an order that depends on the seed alone; as they are without."""
    order = tf.range(count)
    if seed is not None:
        order = tf.random.experimental.stateless_shuffle(order, seed)
    return tf.data.Dataset.from_tensor_slices(order)


def parts_of(sample: Sample) -> dict[str, tf.Tensor]:
    """A sample as tensors alone."""
    parts = {key: tf.convert_to_tensor(value) for key, value in sample.items() if key != "image"}
    if "segmentation" in parts:
        parts["segmentation"] = tf.cast(parts["segmentation"], tf.uint8)
    image = sample["image"]
    if not isinstance(image, LazyImage):
        return {**parts, "image": image}
    if image.pixels is None:
        raise ValueError("Only a decoded image can be kept.")
    return {
        **parts,
        "image/pixels": image.pixels,
        "image/height": image.height,
        "image/width": image.width,
        "image/ratio": tf.convert_to_tensor(image.ratio),
    }


def sample_of(parts: dict[str, tf.Tensor]) -> Sample:
    """The sample again."""
    sample: Sample = {key: value for key, value in parts.items() if not key.startswith("image/")}
    if "segmentation" in sample:
        sample["segmentation"] = tf.cast(sample["segmentation"], tf.int32)
    if "image" not in sample:
        pixels = parts["image/pixels"]
        sides = (parts["image/height"], parts["image/width"])
        sample["image"] = LazyImage(
            *sides, pixels=pixels, ratio=parts["image/ratio"], channels=pixels.shape[-1]
        )
    return sample


def without_autograph(function: Callable) -> Callable:
    """Autograph would wrap our one-line errors in many; nothing here needs it."""
    return tf.autograph.experimental.do_not_convert(function)
