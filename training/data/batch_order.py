"""Which records make up which batch: by the seed, the epoch and the place in it alone."""

from __future__ import annotations

import tensorflow as tf

from training.data.augment import partners
from training.data.batch_config import BatchConfig
from training.data.sources import Source

without_autograph = tf.autograph.experimental.do_not_convert


def steps_per_epoch(source: Source, split: str, batch_size: int) -> int:
    """Full training batches in an epoch; one, repeated images included, if there are too few."""
    return max(1, source.sizes[source.check_split(split)] // batch_size)


def records_of(
    source: Source, split: str, batches: BatchConfig, epoch: int, step: int, every: int = 1
) -> tf.data.Dataset:
    """Endless `(records, seed)`, batch after batch: an image's records and its own random seed.

    The records are one image's and those of its partners. Every epoch shows every image once,
    or as often as it takes to fill a batch; what is left over for a full batch is not shown.

    Args:
        source, split, batches: what to go through, and how.
        epoch, step: where to begin.
        every: go from an epoch to the one so many later.
    """
    steps = steps_per_epoch(source, split, batches.batch_size)
    if source.rows(split) is None or batches.buckets:
        skipped = step * batches.batch_size
        return _by_epoch(source, split, batches, steps, epoch, every).skip(skipped)
    return _by_place(source, split, batches, steps, epoch, every, step)


def _by_place(
    source: Source, split: str, batches: BatchConfig, steps: int, first: int, every: int, step: int
) -> tf.data.Dataset:
    """Where any record can be read first: the number of a batch says which records it has.

    Since the batches come from one range of numbers, a data service can share them out.
    """
    size, row = source.sizes[split], source.rows(split)
    assert row is not None
    batch = batches.batch_size

    @without_autograph
    def element(place: tf.Tensor):
        count = steps * batch
        epoch, place = first + every * (place // count), place % count
        seed, orders = _seeds(batches, epoch)
        last = tf.constant(size - 1, tf.int64)
        numbers = [tf.random.experimental.index_shuffle(place % size, o, last) for o in orders]
        return tuple(row(number) for number in numbers), tf.random.fold_in(seed, place)

    places = tf.data.Dataset.range(step, tf.int64.max // batch).flat_map(
        lambda number: tf.data.Dataset.range(number * batch, (number + 1) * batch)
    )
    return places.map(element)


def _by_epoch(
    source: Source, split: str, batches: BatchConfig, steps: int, first: int, every: int
) -> tf.data.Dataset:
    """Where records come one after the other, or are sorted into buckets on the way."""
    count = steps * batches.batch_size

    @without_autograph
    def bucket(records, seed: tf.Tensor) -> tf.Tensor:
        return tf.cast(batches.bucket_of(source.size_of(records[0])), tf.int64)

    @without_autograph
    def epoch(number: tf.Tensor) -> tf.data.Dataset:
        seed, orders = _seeds(batches, number)
        records = tuple(source.raw(split, order).repeat() for order in orders)
        places = tf.data.Dataset.range(tf.int64.max)
        seeds = places.map(lambda place: tf.random.fold_in(seed, place))
        found = tf.data.Dataset.zip(records, seeds)
        if batches.buckets:
            found = found.group_by_window(
                bucket, lambda key, window: window, window_size=batches.batch_size
            )
        return found.take(count)

    return tf.data.Dataset.range(first, tf.int64.max, every).flat_map(epoch)


def _seeds(batches: BatchConfig, epoch: tf.Tensor) -> tuple[tf.Tensor, list[tf.Tensor]]:
    """Seed of an epoch, and those of its orders: of the images and of their partners."""
    seed = tf.stack([tf.constant(batches.seed, tf.int64), epoch])
    # Partners come from orders of their own, so that nobody meets the same ones every epoch.
    others = range(partners(batches.augmentation))
    return seed, [seed, *(tf.random.fold_in(seed, -i - 1) for i in others)]
