"""Images use the bucket nearest to their aspect ratio, and a batch has one size."""

import dataclasses

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from training.data.augment import Augmentation
from training.data.batch_config import BatchConfig
from training.data.pipeline import training_batches, validation_batches
from training.data.sources import open_source
from training.recipe import Recipe
from zoo.errors import InputError

BUCKETS = ((16, 24), (20, 20), (24, 16))
SIZES = ((30, 60), (40, 44), (50, 52), (33, 60), (80, 41), (45, 45), (24, 16), (40, 40), (21, 60))


@pytest.fixture
def source(tmp_path):
    """Nine training images, each of one grey: ten times its number."""
    for number, size in enumerate((*SIZES, (16, 24))):
        for kind, value in (("images", 10 * number + 10), ("masks", number % 3)):
            (tmp_path / kind).mkdir(exist_ok=True)
            Image.fromarray(np.full(size, value, np.uint8)).save(tmp_path / kind / f"{number}.png")
    return open_source(f"masks:{tmp_path}?val=0.1&split=block")


def config(**changes):
    made = BatchConfig("segmentation", (32, 32), batch_size=2, buckets=BUCKETS, seed=1)
    return dataclasses.replace(made, **changes)


def nearest(size):
    shapes = np.array([np.log(w / h) for h, w in BUCKETS])
    return BUCKETS[np.abs(shapes - np.log(size[1] / size[0])).argmin()]


def batches(source, count, *where, **changes):
    return list(
        training_batches(source, "train", config(**changes), *where).take(count).as_numpy_iterator()
    )


@pytest.mark.parametrize("cache", ["none", "memory", "disk"])
def test_every_image_in_its_bucket(source, cache, tmp_path):
    cache = f"disk:{tmp_path / 'kept'}" if cache == "disk" else cache
    seen = []
    found = batches(source, 12, cache=cache)
    for image, targets in found:
        assert image.shape[0] == 2 and image.shape[1:3] in BUCKETS
        assert targets["segmentation"].shape == image.shape[:3]
        for single in image:
            number = round(float(single.max())) // 10 - 1
            assert nearest(SIZES[number]) == single.shape[:2]
            seen.append(number)
    assert set(seen) == set(range(9))
    assert {image.shape[1:3] for image, _ in found} == set(BUCKETS)


def test_the_same_again_and_after_an_interruption(source):
    policy = Augmentation(flip_horizontal=0.5, brightness=0.1)
    unbroken = batches(source, 12, augmentation=policy)
    again = batches(source, 5, 1, 3, augmentation=policy)
    for one, other in zip(unbroken[7:], again, strict=True):
        for a, b in zip(tf.nest.flatten(one), tf.nest.flatten(other), strict=True):
            np.testing.assert_array_equal(a, b)


def test_validation_uses_image_size(source):
    image, _ = next(validation_batches(source, "val", config()).as_numpy_iterator())
    assert image.shape[1:3] == (32, 32)


def test_not_with_sizes_in_turn():
    with pytest.raises(InputError, match="image_sizes and buckets exclude each other"):
        Recipe.of(image_sizes=((8, 8),), buckets=BUCKETS)
    with pytest.raises(InputError, match=r"buckets must be a list of \[height, width\]"):
        Recipe.of(buckets=((0, 8),))
