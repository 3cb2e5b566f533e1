"""The speed of the input pipeline, by stage.

Each measured pipeline does everything that the previous one does and one stage more, on the same
records and in parallel as in training; the time of a stage is the difference. Files are read
repeatedly, so this is the speed of later epochs, with the files in the page cache.
"""

from __future__ import annotations

import dataclasses
import itertools
import os
import time
from collections.abc import Callable
from typing import Any

import tensorflow as tf

from training.data.augment.geometry import as_tensors
from training.data.augment.lazy_image import LazyImage
from training.data.augment.sample_augmenting import matrix_of
from training.data.batch_config import BatchConfig
from training.data.batch_order import batch_records, without_autograph
from training.data.pipeline import augmented_sample, open_sample, training_batches, training_element
from training.data.sources import Record, Sample, Source

STAGES = ("read", "decode", "augment", "batch")
_RECORDS = 256
_PARALLEL = tf.data.AUTOTUNE


@dataclasses.dataclass(frozen=True)
class PipelineSpeed:
    """Measured speed of an input pipeline.

    Attributes:
        milliseconds: wall time per image of each of `STAGES`, on all cores together.
        images_per_second: throughput of all stages together.
    """

    milliseconds: dict[str, float]
    images_per_second: float

    @property
    def slowest(self) -> str:
        """The stage with the longest time."""
        return max(self.milliseconds, key=lambda stage: self.milliseconds[stage])

    def to_json(self) -> dict[str, Any]:
        """Returns plain values; the speed of a stage too short to measure is None."""
        stages = {
            stage: {
                "milliseconds": round(time, 4),
                "images_per_second": round(1000 / time, 1) if time > 0 else None,
            }
            for stage, time in self.milliseconds.items()
        }
        return {
            "stages": stages,
            "slowest": self.slowest,
            "images_per_second": round(self.images_per_second, 1),
            "cores": os.cpu_count(),
        }


def measure_speed(
    source: Source, split: str, config: BatchConfig, seconds: float = 3.0
) -> PipelineSpeed:
    """Measures each stage of training batches for `seconds`, without cache and data service.

    `read` opens the files and parses the labels, `decode` decodes the visible pixels, `augment`
    transforms and mixes the samples, `batch` pads and batches them.
    """
    config = dataclasses.replace(
        config, cache="none", data_service="", image_sizes=(), size_steps=0, buckets=()
    )
    whole = training_batches(source, split, config)
    records = batch_records(source, split, config, 0, 0).take(_RECORDS).cache().repeat()

    def pipeline(
        stage: Callable[..., Any], element: Callable[[Any], Any] = _digest
    ) -> tf.data.Dataset:
        mapped = without_autograph(lambda records, seed: element(stage(records, seed)))
        dataset = records.map(mapped, num_parallel_calls=_PARALLEL)
        return dataset.batch(config.batch_size, drop_remainder=True).prefetch(_PARALLEL)

    def read(records: tuple[Record, ...], seed: tf.Tensor) -> Sample:
        return open_sample(source, records[0], config.channels)

    def decode(records: tuple[Record, ...], seed: tf.Tensor) -> Sample:
        sample = as_tensors(read(records, seed))
        image = sample["image"]
        if isinstance(image, LazyImage):
            matrix = matrix_of(sample, seed, config.augmentation, config.image_size, config.resize)
            sample["image"] = image.visible(matrix, config.image_size)[0]
        return sample

    def augment(records: tuple[Record, ...], seed: tf.Tensor) -> Sample:
        return augmented_sample(source, config, records, seed)

    def batch(records: tuple[Record, ...], seed: tf.Tensor) -> Any:
        return training_element(source, config, records, seed)

    stages = [*map(pipeline, (read, decode, augment)), pipeline(batch, lambda element: element)]
    times = [1000 / _rate(stage, seconds, config.batch_size) for stage in stages]
    differences = [times[0], *(max(0.0, b - a) for a, b in itertools.pairwise(times))]
    return PipelineSpeed(
        dict(zip(STAGES, differences, strict=True)), _rate(whole, seconds, config.batch_size)
    )


def _rate(dataset: tf.data.Dataset, seconds: float, batch_size: int) -> float:
    """Returns the images per second."""
    stream = iter(dataset)
    next(stream)
    count, start = 0, time.perf_counter()
    while time.perf_counter() - start < seconds or count == 0:
        next(stream)
        count += 1
    return count * batch_size / (time.perf_counter() - start)


def _digest(values: Any) -> tf.Tensor:
    """Returns a number that depends on every tensor, so that none is optimized away."""
    numbers = []
    for value in tf.nest.flatten(values):
        if isinstance(value, LazyImage):
            numbers.append(tf.cast(tf.strings.length(value.contents), tf.int64))
        elif value.dtype == tf.string:
            numbers.append(tf.cast(tf.size(value), tf.int64))
        else:
            numbers.append(tf.reduce_sum(tf.cast(tf.reshape(value, (-1,))[:1], tf.int64)))
    return tf.add_n(numbers)
