"""The base of cached data sets, whose samples are decoded once instead of every epoch.

The cached part is deterministic: for training the image, as far reduced as the model input allows,
with its labels; for validation the resized sample.
"""

from __future__ import annotations

import abc
from collections.abc import Callable
from typing import Any

import tensorflow as tf

from training.data.augment.lazy_image import LazyImage
from training.data.batch_order import without_autograph
from training.data.sources import Sample, Source

MakeSample = Callable[[dict[str, tf.Tensor]], Sample]


class CachedSource(Source):
    """One split of a data set with cached samples.

    `make` maps a record to the sample to cache, whose image is a tensor or a decoded `LazyImage`.
    """

    def __init__(self, source: Source, split: str, make: MakeSample):
        super().__init__()
        for name in ("spec", "keys", "sizes", "flip_pairs"):
            setattr(self, name, getattr(source, name))
        self.source, self.split, self.make = source, split, make
        made = source.raw(split).map(without_autograph(lambda record: parts_of(make(record))))
        self.parts: dict[str, tf.TensorSpec] = dict(sorted(made.element_spec.items()))

    @abc.abstractmethod
    def open(self, record: dict[str, Any]) -> Sample:
        """Returns the cached sample."""

    def decode(self, record: dict[str, Any]) -> dict[str, tf.Tensor]:
        sample = self.open(record)
        image = sample["image"]
        return {**sample, "image": image.decode() if isinstance(image, LazyImage) else image}

    def serialize(self, record: dict[str, Any]) -> list[tf.Tensor]:
        """Returns the sample of a record of the data set, as one string for each of `parts`."""
        parts = parts_of(self.make(record))
        return [tf.io.serialize_tensor(parts[name]) for name in self.parts]

    def parse(self, strings: list[tf.Tensor]) -> Sample:
        """Returns the sample of the strings of `serialize`."""
        parts = {}
        for string, (name, spec) in zip(strings, self.parts.items(), strict=True):
            parts[name] = tf.ensure_shape(tf.io.parse_tensor(string, spec.dtype), spec.shape)
        return sample_of(parts)


def in_order(count: int, seed: tf.Tensor | None) -> tf.data.Dataset:
    """Returns the indices 0 to `count` - 1, shuffled by the seed if there is one."""
    order = tf.range(count)
    if seed is not None:
        order = tf.random.experimental.stateless_shuffle(order, seed)
    return tf.data.Dataset.from_tensor_slices(order)


def parts_of(sample: Sample) -> dict[str, tf.Tensor]:
    """Returns a sample as a dictionary of tensors."""
    parts = {key: tf.convert_to_tensor(value) for key, value in sample.items() if key != "image"}
    if "segmentation" in parts:
        parts["segmentation"] = tf.cast(parts["segmentation"], tf.uint8)
    image = sample["image"]
    if not isinstance(image, LazyImage):
        return {**parts, "image": image}
    if image.pixels is None:
        raise ValueError(f"image must be a tensor or a decoded LazyImage, not {image!r}.")
    return {
        **parts,
        "image/pixels": image.pixels,
        "image/height": image.height,
        "image/width": image.width,
        "image/ratio": tf.convert_to_tensor(image.ratio),
    }


def sample_of(parts: dict[str, tf.Tensor]) -> Sample:
    """Returns the sample of the tensors of `parts_of`."""
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
