"""The input pipeline: from a data set to batches for `fit`, the same for every model of a task.

A batch is `(images, targets)` or `(images, targets, sample_weight)`: images (B, H, W, C) float32 in
0…255, or `{"image": …, "proposals": …}` for models that take proposals, and targets a dictionary
with the keys of the task. All random numbers derive from the seed, the epoch and the position in
it, so batches do not depend on timing, and an interrupted run resumes with the batches that it
would have had. Only a data service (`BatchConfig.data_service`) changes their order.
"""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Sequence
from functools import partial

import tensorflow as tf

from training.data.augment import augment, combine, resize_sample
from training.data.augment.lazy_image import with_channels
from training.data.batch_config import BatchConfig
from training.data.batch_order import (
    batch_records,
    bucket_index,
    random_size_index,
    steps_per_epoch,
    without_autograph,
)
from training.data.border_weights import border_weights_tensor
from training.data.cache.sample_caches import cached_for_training, cached_for_validation
from training.data.data_service import distribute
from training.data.object_padding import pad_objects
from training.data.sources import Record, Sample, Source
from zoo.errors import InputError
from zoo.images.image_decoding import without_python
from zoo.tasks import SCHEMA, TASKS


def training_batches(
    source: Source, split: str, config: BatchConfig, first_epoch: int = 0, first_step: int = 0
) -> tf.data.Dataset:
    """Returns endless training batches, each epoch in its own order and augmentation.

    Every epoch has `steps_per_epoch` batches of a full `batch_size`. Raises InputError if there is
    no such split, or the data set lacks a target.
    """
    config.check(source)
    source = cached_for_training(source, source.check_split(split), config)
    with without_python() if config.data_service else contextlib.nullcontext():
        dataset = _batches_from(source, split, config, first_epoch, first_step)
    return distribute(dataset, config.data_service).prefetch(tf.data.AUTOTUNE)


def epoch_batches(source: Source, split: str, config: BatchConfig) -> tf.data.Dataset:
    """Returns `steps_per_epoch` batches: in each iteration those of the next epoch."""
    config.check(source)
    if config.data_service:
        raise InputError("data_service is not supported here; use training.fit.")
    source = cached_for_training(source, source.check_split(split), config)
    steps = steps_per_epoch(source, split, config.batch_size)
    with tf.device("CPU"):
        epoch = tf.Variable(-1, trainable=False, dtype=tf.int64)

    @without_autograph
    def batches(_: tf.Tensor) -> tf.data.Dataset:
        return _batches_from(source, split, config, epoch.assign_add(1), 0).take(steps)

    dataset = tf.data.Dataset.range(1).flat_map(batches)
    return dataset.apply(tf.data.experimental.assert_cardinality(steps)).prefetch(tf.data.AUTOTUNE)


def _batches_from(
    source: Source, split: str, config: BatchConfig, epoch: int | tf.Tensor, step: int
) -> tf.data.Dataset:
    """Returns endless training batches from a step of an epoch on."""
    if config.image_sizes and not config.size_steps:
        return _batches_of_alternating_sizes(source, split, config, epoch, step)
    return _batches(source, split, config, epoch, step)


def _batches(
    source: Source, split: str, config: BatchConfig, epoch, step, epoch_stride: int = 1
) -> tf.data.Dataset:
    """Returns training batches from a step of an epoch on, of every `epoch_stride`-th epoch."""
    sizes = config.image_sizes or config.buckets
    configs = [dataclasses.replace(config, image_size=size) for size in sizes] or [config]
    steps = steps_per_epoch(source, split, config.batch_size)
    start = (epoch * steps + step) * config.batch_size

    @without_autograph
    def element(records: tuple[Record, ...], seed: tf.Tensor, position: tf.Tensor | None = None):
        branches = [partial(training_element, source, one, records, seed) for one in configs]
        if position is not None:
            index = random_size_index(config, position // config.batch_size)
        elif config.buckets:
            index = bucket_index(config, source.size_of(records[0]))
        else:
            return branches[0]()
        return tf.switch_case(index, branches)

    records = batch_records(source, split, config, epoch, step, epoch_stride)
    if config.image_sizes:
        records = records.enumerate(start).map(lambda position, record: (*record, position))
    return records.map(element, num_parallel_calls=tf.data.AUTOTUNE, deterministic=True).batch(
        config.batch_size, drop_remainder=True
    )


def _batches_of_alternating_sizes(
    source: Source, split: str, config: BatchConfig, first_epoch: int | tf.Tensor, first_step: int
) -> tf.data.Dataset:
    """Returns training batches with the next of `image_sizes` in each epoch."""
    count = len(config.image_sizes)
    steps = steps_per_epoch(source, split, config.batch_size)
    streams = []
    for turn, size in enumerate(config.image_sizes):
        later = (turn - first_epoch) % count
        one_size = dataclasses.replace(config, image_size=size, image_sizes=())
        step = tf.where(later == 0, tf.constant(first_step, tf.int64), 0)
        streams.append(_batches(source, split, one_size, first_epoch + later, step, count))
    turns = tf.data.Dataset.range(first_epoch * steps + first_step, tf.int64.max)
    turns = turns.map(lambda step: step // steps % count)
    return tf.data.Dataset.choose_from_datasets(streams, turns, stop_on_empty_dataset=False)


def training_element(
    source: Source, config: BatchConfig, records: Sequence[Record], seed: tf.Tensor
):
    """Returns the `fit` element of a record, augmented, and mixed with its partners if any."""
    sample = augmented_sample(source, config, records, seed)
    return fit_element(sample, config, weighted=config.border_weight > 0)


def augmented_sample(
    source: Source, config: BatchConfig, records: Sequence[Record], seed: tf.Tensor
) -> Sample:
    """Returns a record's sample, augmented, and mixed with its partners if any."""
    samples = [partial(open_sample, source, record, config.channels) for record in records]
    options = (
        *(seed, config.augmentation, config.image_size, config.resize),
        *(source.flip_pairs, config.mask_size or None),
    )
    return augment(samples[0](), *options) if len(samples) == 1 else combine(samples, *options)


def validation_batches(source: Source, split: str, config: BatchConfig) -> tf.data.Dataset:
    """Returns the split once, in order, without augmentation; the last batch may be smaller."""
    config.check(source)
    source.check_split(split)

    @without_autograph
    def resized(record: Record) -> Sample:
        sample = open_sample(source, record, config.channels)
        return resize_sample(sample, config.image_size, config.resize, config.mask_size or None)

    cached = cached_for_validation(source, split, config, resized)

    @without_autograph
    def element(record: Record):
        sample = resized(record) if cached is None else cached.open(record)
        return fit_element(sample, config, weighted=False)

    return (
        (source if cached is None else cached)
        .raw(split)
        .map(element, num_parallel_calls=tf.data.AUTOTUNE, deterministic=True)
        .batch(config.batch_size)
        .prefetch(tf.data.AUTOTUNE)
    )


def fit_element(sample: Sample, config: BatchConfig, weighted: bool):
    """Returns the element for `fit` of a resized sample, with border weights if `weighted`."""
    height, width = config.image_size
    image = tf.ensure_shape(tf.cast(sample["image"], tf.float32), (height, width, config.channels))
    if config.encode_captions is not None:
        sample = {**sample, "captions": config.encode_captions(sample["texts"])}
    sample = pad_objects(sample, config.max_objects)
    targets = {key: sample[key] for key in config.targets}
    for key in TASKS[config.task].optional:
        padding = tf.cast(SCHEMA[key].padding, SCHEMA[key].dtype)
        rows = tf.shape(targets["labels"])
        targets[key] = sample[key] if key in sample else tf.fill(rows, padding)
    if "segmentation" in targets:
        targets["segmentation"] = tf.ensure_shape(targets["segmentation"], (height, width))
    if "proposals" in targets:
        image = {"image": image, "proposals": targets.pop("proposals")}
    if not weighted:
        return image, targets
    weights = border_weights_tensor(sample["instances"], config.border_weight, config.border_sigma)
    return image, targets, tf.ensure_shape(weights, (height, width))


def open_sample(source: Source, record: Record, channels: int) -> Sample:
    """Returns the sample of a record, its image converted to `channels` channels."""
    sample = source.open(record)
    return {**sample, "image": with_channels(sample["image"], channels)}
