"""Every epoch has every image once, and resumes at any step with the same batches."""

import dataclasses

import numpy as np
import pytest
import tensorflow as tf
from image_folders import write_images

from training.data.augment import Augmentation
from training.data.batch_config import BatchConfig
from training.data.batch_order import batch_records, steps_per_epoch
from training.data.pipeline import training_batches
from training.data.sources import open_source

CHANGES = Augmentation(flip_horizontal=0.5, rotate=20, brightness=0.2, elastic=1.0)


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    folder = write_images(tmp_path_factory.mktemp("order"), 14, (16, 20))
    return open_source(f"masks:{folder}?val=0.2")


def config(**changes):
    made = BatchConfig("segmentation", (16, 20), batch_size=3, augmentation=CHANGES, seed=9)
    return dataclasses.replace(made, **changes)


def taken(dataset, count):
    return list(dataset.take(count).as_numpy_iterator())


def same(first, second):
    first, second = tf.nest.flatten(first), tf.nest.flatten(second)
    return len(first) == len(second) and all(map(np.array_equal, first, second))


@pytest.mark.parametrize("kind", ["files", "mosaic", "sizes", "stream"])
def test_an_interrupted_epoch_resumes_at_its_step(source, kind):
    flips = Augmentation(flip_horizontal=0.5)
    made = {
        "files": config(),
        "mosaic": config(augmentation=Augmentation(mosaic=0.5)),
        "sizes": config(augmentation=flips, image_sizes=((16, 20), (8, 8))),
        "stream": BatchConfig("classification", (8, 8), 400, augmentation=flips, seed=9),
    }[kind]
    opened = open_source("shapes:single") if kind == "stream" else source
    steps = steps_per_epoch(opened, "train", made.batch_size)
    assert steps == 3
    unbroken = taken(training_batches(opened, "train", made), 3 * steps)
    for epoch, step in ((0, 2), (1, 1)):
        first = epoch * steps + step
        resumed = taken(training_batches(opened, "train", made, epoch, step), 3 * steps - first)
        for one, other in zip(unbroken[first:], resumed, strict=True):
            assert same(one, other)


def test_the_machine_does_not_matter(source):
    """Neither the number of threads nor how long each image takes changes the batches."""
    dataset = training_batches(source, "train", config())
    expected = taken(dataset, 6)
    for threads in (1, 3):
        options = tf.data.Options()
        options.threading.private_threadpool_size = threads
        options.autotune.enabled = threads > 1
        assert all(map(same, expected, taken(dataset.with_options(options), 6)))


@pytest.mark.parametrize("batch_size", [1, 4, 5, 30])
def test_every_image_once_an_epoch(source, batch_size):
    size = source.sizes["train"]
    made = config(batch_size=batch_size)
    count = steps_per_epoch(source, "train", batch_size) * batch_size
    records = batch_records(source, "train", made, 0, 0).take(3 * count).as_numpy_iterator()
    names = [found[0]["image"] for found, _ in records]
    epochs = [names[i : i + count] for i in range(0, 3 * count, count)]
    for epoch in epochs:
        shown = [epoch.count(name) for name in set(epoch)]
        assert len(shown) == min(size, count)
        assert max(shown) - min(shown) <= (0 if count <= size else 1)
    assert len(set(map(tuple, epochs))) == 3
    # Another seed, another order; and the seeds of all images differ.
    other = batch_records(source, "train", dataclasses.replace(made, seed=10), 0, 0).take(count)
    assert [found[0]["image"] for found, _ in other.as_numpy_iterator()] != epochs[0]
    many = batch_records(source, "train", made, 0, 0).take(60).as_numpy_iterator()
    assert len({tuple(seed) for _, seed in many}) == 60


def test_orders_are_even(source):
    """Over many epochs each image comes first about as often as any other."""
    made, size = config(batch_size=1), source.sizes["train"]
    shown = batch_records(source, "train", made, 0, 0).take(12 * size * size).as_numpy_iterator()
    firsts = [found[0]["image"] for found, _ in shown][::size]
    counts = np.unique(firsts, return_counts=True)[1]
    assert len(counts) == size and counts.max() < 30
