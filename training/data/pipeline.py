"""From a data set to the batches that `fit` takes, the same ones for every model of a task.

A batch is `(images, targets)` or `(images, targets, sample_weight)`: images (B, H, W, C) float32 in
0…255, for models that take proposals `{"image": …, "proposals": …}`; targets a dictionary with the
keys of the task. Everything random is drawn from the seed, the
epoch and the position in it, so that batches do not depend on timing and an interrupted run goes on
with the batches it would have seen. Only a data service (`BatchConfig.service`) gives them in the
order in which its workers finish them.
"""

from __future__ import annotations

import dataclasses
from functools import partial
from typing import Any

import tensorflow as tf

from training.data.augment import augment, combine, place
from training.data.augment.lazy_image import LazyImage, with_channels
from training.data.batch_config import BatchConfig
from training.data.batch_order import records_of, steps_per_epoch, without_autograph
from training.data.border_weights import border_weights_tensor
from training.data.cache.cache_options import cached_for_training, cached_for_validation
from training.data.object_padding import pad_objects
from training.data.service import distributed
from training.data.sources import Record, Sample, Source
from zoo.tasks import SCHEMA, TASKS


def training_batches(
    source: Source, split: str, batches: BatchConfig, first_epoch: int = 0, first_step: int = 0
) -> tf.data.Dataset:
    """Endless training batches, epoch after epoch from a step of `first_epoch` on.

    Every epoch has `steps_per_epoch` batches of a full `batch_size`, in an order of its own.

    Raises:
        InputError: no such split, or it lacks a target.
    """
    batches.check(source)
    source.check_split(split)
    source = cached_for_training(source, split, batches)
    if batches.image_sizes:
        sized = _sizes_by_chance if batches.size_steps else _sizes_in_turn
        dataset = sized(source, split, batches, first_epoch, first_step)
    else:
        dataset = _batches_from(source, split, batches, first_epoch, first_step)
    return distributed(dataset, batches.service).prefetch(tf.data.AUTOTUNE)


def _batches_from(
    source: Source, split: str, batches: BatchConfig, epoch: int, step: int, every: int = 1
) -> tf.data.Dataset:
    """Batches from a step of an epoch on, of every so many epochs."""

    @without_autograph
    def prepare(records: tuple[Record, ...], seed: tf.Tensor):
        if not batches.buckets:
            return _varied_element(source, batches, records, seed)
        chosen = batches.bucket_of(source.size_of(records[0]))
        return _of_size(source, batches, batches.buckets, chosen, records, seed)

    return (
        records_of(source, split, batches, epoch, step, every)
        .map(prepare, num_parallel_calls=tf.data.AUTOTUNE, deterministic=True)
        .batch(batches.batch_size, drop_remainder=True)
    )


def _of_size(source: Source, batches: BatchConfig, sizes, chosen: tf.Tensor, records, seed):
    """An element on the canvas whose number in `sizes` is chosen."""
    each = [dataclasses.replace(batches, image_size=size) for size in sizes]
    elements = [partial(_varied_element, source, one, records, seed) for one in each]
    return tf.switch_case(chosen, elements)


def _varied_element(
    source: Source, batches: BatchConfig, records: tuple[Record, ...], seed: tf.Tensor
):
    sample = varied(source, batches, records, seed)
    return element_of(sample, batches, weighted=batches.border_weight > 0)


def varied(
    source: Source, batches: BatchConfig, records: tuple[Record, ...], seed: tf.Tensor
) -> Sample:
    """A random variant of the first record, or of several joined."""
    samples = [partial(opened, source, record, batches.channels) for record in records]
    vary: Any
    vary, given = (augment, samples[0]()) if len(samples) == 1 else (combine, samples)
    return vary(
        given,
        seed,
        batches.augmentation,
        batches.image_size,
        batches.resize,
        source.joint_pairs,
        batches.mask_size or None,
    )


def _sizes_in_turn(
    source: Source, split: str, batches: BatchConfig, first_epoch: int, first_step: int
) -> tf.data.Dataset:
    """Training batches whose images have another size in the next epoch."""
    count = len(batches.image_sizes)
    steps = steps_per_epoch(source, split, batches.batch_size)
    streams = []
    for turn, size in enumerate(batches.image_sizes):
        later = (turn - first_epoch) % count
        one_size = dataclasses.replace(batches, image_size=size, image_sizes=())
        step = 0 if later else first_step
        streams.append(_batches_from(source, split, one_size, first_epoch + later, step, count))
    turns = tf.data.Dataset.range(first_epoch * steps + first_step, tf.int64.max)
    turns = turns.map(lambda step: step // steps % count)
    return tf.data.Dataset.choose_from_datasets(streams, turns, stop_on_empty_dataset=False)


def _sizes_by_chance(
    source: Source, split: str, batches: BatchConfig, first_epoch: int, first_step: int
) -> tf.data.Dataset:
    """Training batches of a size that is drawn again every so many."""
    steps = steps_per_epoch(source, split, batches.batch_size)
    first = (first_epoch * steps + first_step) * batches.batch_size

    @without_autograph
    def prepare(place: tf.Tensor, given: tuple[tuple[Record, ...], tf.Tensor]):
        chosen = batches.size_at(place // batches.batch_size)
        return _of_size(source, batches, batches.image_sizes, chosen, *given)

    return (
        records_of(source, split, batches, first_epoch, first_step)
        .enumerate(first)
        .map(prepare, num_parallel_calls=tf.data.AUTOTUNE, deterministic=True)
        .batch(batches.batch_size, drop_remainder=True)
    )


def validation_batches(source: Source, split: str, batches: BatchConfig) -> tf.data.Dataset:
    """The split once, in order, without chance; the last batch may be smaller.

    Raises:
        InputError: no such split, or it lacks a target.
    """
    batches.check(source)
    source.check_split(split)

    @without_autograph
    def placed(record: Record) -> Sample:
        sample = opened(source, record, batches.channels)
        return place(sample, batches.image_size, batches.resize, batches.mask_size or None)

    kept = cached_for_validation(source, split, batches, placed)

    @without_autograph
    def prepare(record: Record):
        sample = placed(record) if kept is None else kept.open(record)
        return element_of(sample, batches, weighted=False)

    return (
        (source if kept is None else kept)
        .raw(split)
        .map(prepare, num_parallel_calls=tf.data.AUTOTUNE, deterministic=True)
        .batch(batches.batch_size)
        .prefetch(tf.data.AUTOTUNE)
    )


def element_of(sample: dict[str, tf.Tensor], batches: BatchConfig, weighted: bool):
    """What `fit` takes of a sample on its canvas: image and targets, perhaps pixel weights."""
    height, width = batches.image_size
    image = tf.ensure_shape(tf.cast(sample["image"], tf.float32), (height, width, batches.channels))
    if batches.encode is not None:
        sample = {**sample, "captions": batches.encode(sample["texts"])}
    sample = pad_objects(sample, batches.max_objects)
    targets = {key: sample[key] for key in batches.targets}
    for key in TASKS[batches.task].optional:
        targets[key] = sample[key] if key in sample else _absent(key, targets)
    if "segmentation" in targets:
        targets["segmentation"] = tf.ensure_shape(targets["segmentation"], (height, width))
    if "proposals" in targets:
        image = {"image": image, "proposals": targets.pop("proposals")}
    if not weighted:
        return image, targets
    weights = border_weights_tensor(
        sample["instances"], batches.border_weight, batches.border_sigma
    )
    return image, targets, tf.ensure_shape(weights, (height, width))


def _absent(key: str, targets: dict[str, tf.Tensor]) -> tf.Tensor:
    """What a key holds when nothing is known: its padding, a row an object."""
    field = SCHEMA[key]
    return tf.fill(tf.shape(targets["labels"]), tf.cast(field.padding, field.dtype))


def opened(source: Source, record: dict[str, tf.Tensor], channels: int) -> Sample:
    """The sample of a record, its image with as many channels as are asked for."""
    sample = source.open(record)
    image = sample["image"]
    if isinstance(image, LazyImage):
        return {**sample, "image": image.with_channels(channels)}
    return {**sample, "image": with_channels(image, channels)}
