"""How fast training batches are made, and which stage takes longest.

Each pipeline does all that the one before does and a stage more, on the same records, in parallel
as in training; a stage's time is the difference. Files are read a second time at the latest, so
this is the speed of later epochs, when the system holds them in memory.
"""

from __future__ import annotations

import dataclasses
import itertools
import os
import time
from collections.abc import Callable
from typing import Any

import tensorflow as tf

from training.data.augment.augmenting import matrix_of
from training.data.augment.geometry import as_tensors
from training.data.augment.lazy_image import LazyImage
from training.data.batch_config import BatchConfig
from training.data.batch_order import records_of, without_autograph
from training.data.pipeline import element_of, opened, training_batches, varied
from training.data.sources import Record, Sample, Source

STAGES = ("read", "decode", "augment", "batch")
_RECORDS = 256
_PARALLEL = tf.data.AUTOTUNE


@dataclasses.dataclass(frozen=True)
class Speed:
    """What was measured.

    Attributes:
        milliseconds: wall time of each of `STAGES` for one image, on all cores together.
        images_per_second: of all stages together, as training gets them.
    """

    milliseconds: dict[str, float]
    images_per_second: float

    @property
    def slowest(self) -> str:
        """The stage that takes longest."""
        return max(self.milliseconds, key=lambda stage: self.milliseconds[stage])

    def to_json(self) -> dict[str, Any]:
        """Plain values; the speed of a stage too short to be measured is None."""
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


def measure_speed(source: Source, split: str, batches: BatchConfig, seconds: float = 3.0) -> Speed:
    """Measures the stages of training batches, without cache and service.

    `read` opens the files and makes the labels, `decode` makes the pixels that the canvas shows,
    `augment` puts them there, changed, with their labels, and joins images where the policy does;
    `batch` pads and collects.

    Args:
        source, split, batches: as of `training_batches`.
        seconds: of each pipeline, after its start.

    Raises:
        InputError: as `training_batches`.
    """
    batches = dataclasses.replace(batches, cache="none", service="", image_sizes=(), buckets=())
    whole = training_batches(source, split, batches)
    records = records_of(source, split, batches, 0, 0).take(_RECORDS).cache().repeat()

    def pipeline(stage: Callable[[tuple[Record, ...], tf.Tensor], Any]) -> tf.data.Dataset:
        digests = without_autograph(lambda records, seed: _digest(stage(records, seed)))
        made = records.map(digests, num_parallel_calls=_PARALLEL)
        return made.batch(batches.batch_size).prefetch(_PARALLEL)

    def first(found: tuple[Record, ...], seed: tf.Tensor) -> Sample:
        return opened(source, found[0], batches.channels)

    def decoded(found: tuple[Record, ...], seed: tf.Tensor) -> Sample:
        sample = as_tensors(first(found, seed))
        image = sample["image"]
        if isinstance(image, LazyImage):
            matrix = matrix_of(
                sample, seed, batches.augmentation, batches.image_size, batches.resize
            )
            sample["image"] = image.seen(matrix, batches.image_size)[0]
        return sample

    def changed(found: tuple[Record, ...], seed: tf.Tensor) -> Any:
        return varied(source, batches, found, seed)

    def batched() -> tf.data.Dataset:
        def element(found: tuple[Record, ...], seed: tf.Tensor) -> Any:
            sample = varied(source, batches, found, seed)
            return element_of(sample, batches, weighted=batches.border_weight > 0)

        made = records.map(without_autograph(element), num_parallel_calls=_PARALLEL)
        return made.batch(batches.batch_size, drop_remainder=True).prefetch(_PARALLEL)

    steps = [pipeline(first), pipeline(decoded), pipeline(changed), batched()]
    times = [1000 / _rate(step, seconds, batches.batch_size) for step in steps]
    differences = [times[0], *(max(0.0, b - a) for a, b in itertools.pairwise(times))]
    return Speed(
        dict(zip(STAGES, differences, strict=True)),
        _rate(whole, seconds, batches.batch_size),
    )


def _rate(dataset: tf.data.Dataset, seconds: float, batch_size: int) -> float:
    """Images per second."""
    stream = iter(dataset)
    next(stream)
    count, began = 0, time.perf_counter()
    while time.perf_counter() - began < seconds or count == 0:
        next(stream)
        count += 1
    return count * batch_size / (time.perf_counter() - began)


def _digest(values: Any) -> tf.Tensor:
    """A number for which every tensor has to be made."""
    numbers = []
    for value in tf.nest.flatten(values):
        if isinstance(value, LazyImage):
            numbers.append(tf.cast(tf.strings.length(value.contents), tf.int64))
        elif value.dtype == tf.string:
            numbers.append(tf.cast(tf.size(value), tf.int64))
        else:
            numbers.append(tf.reduce_sum(tf.cast(tf.reshape(value, (-1,))[:1], tf.int64)))
    return tf.add_n(numbers)
