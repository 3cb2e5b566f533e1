"""The order of records in batches: a function of the seed, the epoch and the position alone."""

from __future__ import annotations

import math

import tensorflow as tf

from training.data.batch_config import BatchConfig
from training.data.sources import Source

without_autograph = tf.autograph.experimental.do_not_convert
"""Decorator against Autograph, which turns InputErrors of one line into errors of many."""


def steps_per_epoch(source: Source, split: str, batch_size: int) -> int:
    """Returns the number of full training batches per epoch, at least 1."""
    return max(1, source.sizes[source.check_split(split)] // batch_size)


def batch_records(
    source: Source, split: str, config: BatchConfig, epoch, step, epoch_stride: int = 1
) -> tf.data.Dataset:
    """Returns the endless, unbatched `(records, seed)` of the training batches.

    They start with `step` of `epoch`, integers or int64 scalars. `records` is a tuple of one record
    and its partners for mixing, `seed` the (2,) seed of the sample. Every epoch has every record
    once, or as often as it takes to fill one batch; the remainder that fills no batch is dropped.
    """
    steps = steps_per_epoch(source, split, config.batch_size)
    if source.rows(split) is None or config.buckets:
        records = _records_by_epoch(source, split, config, steps, epoch, epoch_stride)
        return records.skip(step * config.batch_size)
    return _records_by_position(source, split, config, steps, epoch, epoch_stride, step)


def _records_by_position(
    source: Source,
    split: str,
    config: BatchConfig,
    steps: int,
    first_epoch,
    epoch_stride: int,
    first_step,
) -> tf.data.Dataset:
    """Returns records by position, in one range that a data service can distribute."""
    size, row = source.sizes[split], source.rows(split)
    assert row is not None
    batch = config.batch_size

    @without_autograph
    def element(position: tf.Tensor):
        count = steps * batch
        epoch, position = first_epoch + epoch_stride * (position // count), position % count
        seed, orders = _seeds(config, epoch)
        last = tf.constant(size - 1, tf.int64)
        numbers = [tf.random.experimental.index_shuffle(position % size, o, last) for o in orders]
        return tuple(row(number) for number in numbers), tf.random.fold_in(seed, position)

    positions = tf.data.Dataset.range(first_step, tf.int64.max // batch).flat_map(
        lambda number: tf.data.Dataset.range(number * batch, (number + 1) * batch)
    )
    return positions.map(element)


def _records_by_epoch(
    source: Source, split: str, config: BatchConfig, steps: int, first_epoch, epoch_stride: int
) -> tf.data.Dataset:
    """Returns the records of sources with sequential access, or grouped into buckets."""
    count = steps * config.batch_size

    @without_autograph
    def bucket(records, seed: tf.Tensor) -> tf.Tensor:
        return tf.cast(bucket_index(config, source.size_of(records[0])), tf.int64)

    @without_autograph
    def epoch(number: tf.Tensor) -> tf.data.Dataset:
        seed, orders = _seeds(config, number)
        records = tuple(source.raw(split, order).repeat() for order in orders)
        positions = tf.data.Dataset.range(tf.int64.max)
        seeds = positions.map(lambda position: tf.random.fold_in(seed, position))
        elements = tf.data.Dataset.zip(records, seeds)
        if config.buckets:
            elements = elements.group_by_window(
                bucket, lambda key, window: window, window_size=config.batch_size
            )
        return elements.take(count)

    return tf.data.Dataset.range(first_epoch, tf.int64.max, epoch_stride).flat_map(epoch)


def _seeds(config: BatchConfig, epoch: tf.Tensor) -> tuple[tf.Tensor, list[tf.Tensor]]:
    """Returns the seed of an epoch, and the seeds of the orders of records and partners."""
    seed = tf.stack([tf.constant(config.seed, tf.int64), epoch])
    # Partners have their own orders, so that no two records are mixed in every epoch.
    partners = range(config.augmentation.num_partners)
    return seed, [seed, *(tf.random.fold_in(seed, -i - 1) for i in partners)]


def bucket_index(config: BatchConfig, size: tf.Tensor) -> tf.Tensor:
    """Returns the int32 index of the bucket for an image of `size` = (2,) height and width."""
    aspects = tf.constant([math.log(width / height) for height, width in config.buckets])
    height, width = tf.unstack(tf.cast(size, tf.float32))
    return tf.argmin(tf.abs(aspects - tf.math.log(width / height)), output_type=tf.int32)


def random_size_index(config: BatchConfig, step: tf.Tensor) -> tf.Tensor:
    """Returns the int32 index into `image_sizes` of a batch, by its step since the run began."""
    # Epochs draw from seeds whose second number is 0 or more.
    seed = tf.random.fold_in(tf.constant([config.seed, -1], tf.int64), step // config.size_steps)
    return tf.random.stateless_uniform((), seed, 0, len(config.image_sizes), tf.int32)
