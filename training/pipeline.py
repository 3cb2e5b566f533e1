"""From a data set to the batches that `fit` takes, the same ones for every model of a task.

A batch is `(images, targets)` or `(images, targets, sample_weight)`: images (B, H, W, C) float32 in
0…255, targets a dictionary with the keys of the task. Everything random is drawn from the seed, the
epoch and the position in it, so that batches do not depend on timing and an interrupted run goes on
with the batches it would have seen.
"""

from __future__ import annotations

import dataclasses
from functools import partial

import tensorflow as tf

from training.augment import Augmentation, augment, check_keys, combine, partners, place
from training.augment.pictures import LazyPicture, with_channels
from training.border_weights import border_weights_tensor
from training.objects import pad_objects
from training.sources import Sample, Source
from zoo.errors import InputError
from zoo.tasks import SCHEMA, TASKS


@dataclasses.dataclass(frozen=True)
class Batches:
    """How samples become batches.

    Attributes:
        task: name of the task, which says the targets.
        image_size: canvas height and width.
        image_sizes: of training, in turn epoch by epoch; empty for `image_size` alone.
        batch_size: pictures a batch.
        channels: 3 for colour, 1 for grey.
        fit: `"fit"`, `"stretch"` or `"crop"`, see `training.augment`.
        augmentation: ranges of random change in training.
        border_weight: U-Net's w0; 0 gives no sample weights. Needs instance maps.
        border_sigma: U-Net's sigma in pixels.
        max_objects: rows of the object keys, see `training.objects`.
        mask_size: cells a side of the masks that a model learns from; 0 for those of the data set.
        targets: keys of the schema that the model learns from; empty for the task's.
        seed: of everything random.
    """

    task: str
    image_size: tuple[int, int]
    batch_size: int = 8
    channels: int = 3
    fit: str = "fit"
    augmentation: Augmentation = dataclasses.field(default_factory=Augmentation)
    border_weight: float = 0.0
    border_sigma: float = 5.0
    max_objects: int = 100
    mask_size: int = 0
    targets: tuple[str, ...] = ()
    seed: int = 0
    image_sizes: tuple[tuple[int, int], ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "targets", self.targets or TASKS[self.task].targets)

    def check(self, source: Source) -> None:
        """Raises InputError if the data set lacks what the task or the options need."""
        missing = [key for key in self.targets if key not in source.keys]
        if missing:
            raise InputError(
                f"{source.spec}: the model learns from {', '.join(missing)}, which this data set "
                f"does not have; it has {', '.join(source.keys)}."
            )
        if self.border_weight and "instances" not in source.keys:
            raise InputError(
                f"{source.spec}: border weights need instance maps; use an instances: data set or "
                "set border_weight=0."
            )
        if self.channels not in (1, 3):
            raise InputError(f"channels is 1 or 3, not {self.channels}.")
        learned = (*self.targets, *(["instances"] if self.border_weight else []))
        check_keys(self.augmentation, learned, source.keys)


def steps_per_epoch(source: Source, split: str, batch_size: int) -> int:
    """Full training batches in an epoch; one, repeated pictures included, if there are too few."""
    return max(1, source.sizes[source.check_split(split)] // batch_size)


def training_batches(
    source: Source, split: str, batches: Batches, first_epoch: int = 0, every: int = 1
) -> tf.data.Dataset:
    """Endless training batches, epoch after epoch from `first_epoch` on, or every so many.

    Every epoch has `steps_per_epoch` batches of a full `batch_size`, in an order of its own.

    Raises:
        InputError: no such split, or it lacks a target.
    """
    batches.check(source)
    if batches.image_sizes:
        return _sizes_in_turn(source, split, batches, first_epoch)
    steps = steps_per_epoch(source, split, batches.batch_size)
    others = partners(batches.augmentation)

    # Autograph would wrap our one-line errors in many; nothing here needs it.
    @tf.autograph.experimental.do_not_convert
    def epoch(number: tf.Tensor) -> tf.data.Dataset:
        seed = tf.stack([tf.constant(batches.seed, tf.int64), number])
        # Partners come from orders of their own, so that nobody meets the same ones every epoch.
        orders = [seed, *(tf.random.fold_in(seed, -i - 1) for i in range(others))]
        count = steps * batches.batch_size
        records = tuple(source.raw(split, order).repeat().take(count) for order in orders)
        seeds = tf.data.Dataset.range(count).map(lambda i: tf.random.fold_in(seed, i))
        return tf.data.Dataset.zip(records, seeds)

    @tf.autograph.experimental.do_not_convert
    def prepare(records: tuple[dict[str, tf.Tensor], ...], seed: tf.Tensor):
        samples = [partial(_opened, source, record, batches.channels) for record in records]
        vary, given = (combine, samples) if others else (augment, samples[0]())
        sample = vary(
            given,
            seed,
            batches.augmentation,
            batches.image_size,
            batches.fit,
            source.joint_pairs,
            batches.mask_size or None,
        )
        return _element(sample, batches, weighted=batches.border_weight > 0)

    endless = tf.data.Dataset.range(first_epoch, tf.int64.max, every)
    return (
        endless.flat_map(epoch)
        .map(prepare, num_parallel_calls=tf.data.AUTOTUNE, deterministic=True)
        .batch(batches.batch_size, drop_remainder=True)
        .prefetch(tf.data.AUTOTUNE)
    )


def _sizes_in_turn(
    source: Source, split: str, batches: Batches, first_epoch: int
) -> tf.data.Dataset:
    """Training batches whose pictures have another size in the next epoch."""
    count = len(batches.image_sizes)
    steps = steps_per_epoch(source, split, batches.batch_size)
    streams = []
    for turn, size in enumerate(batches.image_sizes):
        first = first_epoch + (turn - first_epoch) % count
        one_size = dataclasses.replace(batches, image_size=size, image_sizes=())
        streams.append(training_batches(source, split, one_size, first, count))
    turns = tf.data.Dataset.range(first_epoch, tf.int64.max).flat_map(
        lambda epoch: tf.data.Dataset.from_tensors(epoch % count).repeat(steps)
    )
    return tf.data.Dataset.choose_from_datasets(streams, turns, stop_on_empty_dataset=False)


def validation_batches(source: Source, split: str, batches: Batches) -> tf.data.Dataset:
    """The split once, in order, without chance; the last batch may be smaller.

    Raises:
        InputError: no such split, or it lacks a target.
    """
    batches.check(source)

    @tf.autograph.experimental.do_not_convert
    def prepare(record: dict[str, tf.Tensor]):
        sample = _opened(source, record, batches.channels)
        sample = place(sample, batches.image_size, batches.fit, batches.mask_size or None)
        return _element(sample, batches, weighted=False)

    return (
        source.raw(source.check_split(split))
        .map(prepare, num_parallel_calls=tf.data.AUTOTUNE, deterministic=True)
        .batch(batches.batch_size)
        .prefetch(tf.data.AUTOTUNE)
    )


def _element(sample: dict[str, tf.Tensor], batches: Batches, weighted: bool):
    height, width = batches.image_size
    image = tf.ensure_shape(tf.cast(sample["image"], tf.float32), (height, width, batches.channels))
    sample = pad_objects(sample, batches.max_objects)
    targets = {key: sample[key] for key in batches.targets}
    for key in TASKS[batches.task].optional:
        targets[key] = sample[key] if key in sample else _absent(key, targets)
    if "segmentation" in targets:
        targets["segmentation"] = tf.ensure_shape(targets["segmentation"], (height, width))
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


def _opened(source: Source, record: dict[str, tf.Tensor], channels: int) -> Sample:
    sample = source.open(record)
    image = sample["image"]
    if isinstance(image, LazyPicture):
        return {**sample, "image": image.with_channels(channels)}
    return {**sample, "image": with_channels(image, channels)}
