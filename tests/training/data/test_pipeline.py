"""Batches depend on the seed, the epoch and the position, and on nothing else."""

import dataclasses

import numpy as np
import pytest
import tensorflow as tf
from image_folders import write_images
from PIL import Image

from training.data.augment import Augmentation
from training.data.border_weights import border_weights
from training.data.pipeline import (
    BatchConfig,
    steps_per_epoch,
    training_batches,
    validation_batches,
)
from training.data.sources import open_source
from zoo.errors import InputError

CHANGES = Augmentation(
    flip_horizontal=0.5, rotate=20, scale=(0.8, 1.2), brightness=0.2, contrast=0.2, elastic=2.0
)


def batches(**changes):
    return dataclasses.replace(
        BatchConfig("segmentation", (24, 32), batch_size=2, augmentation=CHANGES, seed=3), **changes
    )


@pytest.fixture
def source(shared_folder):
    return open_source(f"masks:{shared_folder}")


@pytest.fixture(scope="module")
def cells(tmp_path_factory):
    """Images with two objects each, numbered."""
    folder = write_images(
        tmp_path_factory.mktemp("cells"), 4, (24, 32), folders=("images", "instances")
    )
    return open_source(f"instances:{folder}?val=0.5")


def taken(dataset, count):
    return list(dataset.take(count).as_numpy_iterator())


def same(first, second):
    first, second = tf.nest.flatten(first), tf.nest.flatten(second)
    return len(first) == len(second) and all(map(np.array_equal, first, second))


def test_shapes_and_kinds(source):
    image, targets = taken(training_batches(source, "train", batches()), 1)[0]
    assert image.shape == (2, 24, 32, 3) and image.dtype == np.float32
    assert list(targets) == ["segmentation"]
    assert targets["segmentation"].shape == (2, 24, 32)
    assert targets["segmentation"].dtype == np.int32
    assert set(np.unique(targets["segmentation"])) <= {0, 1, 2, 255}
    assert image.min() >= 0 and 100 < image.max() <= 255
    # Shapes are known before anything is read, so that XLA can compile the step.
    spec = training_batches(source, "train", batches()).element_spec
    assert spec[0].shape == (2, 24, 32, 3) and spec[1]["segmentation"].shape == (2, 24, 32)


def test_the_seed_decides_everything(source):
    first = taken(training_batches(source, "train", batches()), 5)
    tf.random.set_seed(99)
    again = taken(training_batches(source, "train", batches()), 5)
    assert same(first, again)
    other = taken(training_batches(source, "train", batches(seed=4)), 5)
    assert not any(same(a, b) for a, b in zip(first, other, strict=True))


@pytest.mark.parametrize("kind", ["files", "shapes"])
def test_an_epoch_is_the_same_whether_or_not_the_run_was_interrupted(source, kind):
    if kind == "shapes":
        source = open_source("shapes:single")
    size = 2 if kind == "files" else 600
    config = batches(batch_size=size, image_size=(16, 16), augmentation=Augmentation(rotate=20))
    steps = steps_per_epoch(source, "train", size)
    assert steps == 2
    unbroken = taken(training_batches(source, "train", config), 2 * steps)
    for epoch in (0, 1):
        resumed = taken(training_batches(source, "train", config, first_epoch=epoch), steps)
        assert same(resumed, unbroken[epoch * steps : (epoch + 1) * steps])
    assert not same(unbroken[:steps], unbroken[steps : 2 * steps])


def test_an_epoch_shows_every_image_once(tmp_path):
    """Without change and with as many images as places; marked by their color."""
    write_images(tmp_path, 7, (8, 8))
    for number in range(7):
        Image.fromarray(np.full((8, 8, 3), 30 * number, np.uint8)).save(
            tmp_path / f"images/{number}.png"
        )
    source = open_source(f"masks:{tmp_path}?val=0.1")
    plain = BatchConfig("segmentation", (8, 8), batch_size=3)
    assert steps_per_epoch(source, "train", 3) == 2
    held_out = next(source.samples("val"))[1]["image"][0, 0, 0]
    orders = []
    for epoch in range(3):
        shown = [
            b[0][:, 0, 0, 0] for b in taken(training_batches(source, "train", plain, epoch), 2)
        ]
        orders.append([round(float(x)) for x in np.concatenate(shown)])
        assert sorted(orders[-1]) == sorted({30 * n for n in range(7)} - {held_out})
    assert len(set(map(tuple, orders))) > 1


def test_too_few_images_are_repeated_to_one_full_batch(source):
    config = batches(batch_size=16)
    assert steps_per_epoch(source, "train", 16) == 1
    image, _ = taken(training_batches(source, "train", config), 1)[0]
    assert image.shape[0] == 16
    # Five images, each with changes of its own whenever it comes again.
    assert len({single.tobytes() for single in image}) == 16


def test_validation_is_every_image_in_order_without_chance(source):
    config = batches(image_size=(20, 24), batch_size=3)
    found = taken(validation_batches(source, "train", config), 9)
    assert [len(image) for image, _ in found] == [3, 2]
    samples = [sample for _, sample in source.samples("train")]
    np.testing.assert_array_equal(
        np.concatenate([image for image, _ in found]), [s["image"] for s in samples]
    )
    np.testing.assert_array_equal(
        np.concatenate([targets["segmentation"] for _, targets in found]),
        [s["segmentation"] for s in samples],
    )


@pytest.mark.parametrize("training", [True, False])
def test_padding_is_ignored(source, training):
    """20×24 images at a model input of 40×96 fill 40×48 of it."""
    config = batches(image_size=(40, 96), augmentation=Augmentation())
    make = training_batches if training else validation_batches
    image, targets = taken(make(source, "train", config), 1)[0]
    assert np.all(targets["segmentation"][:, :, 48:] == 255)
    assert np.all(targets["segmentation"][:, :, :48] < 3)
    assert np.all(image[:, :, 48:] == 0) and np.all(image[:, :, :48] > 0)


def test_grey_images(source):
    color = taken(validation_batches(source, "val", batches()), 1)[0][0]
    grey = taken(validation_batches(source, "val", batches(channels=1)), 1)[0][0]
    assert grey.shape == (1, 24, 32, 1)
    # The luma weights of ITU-R BT.601, rounded to bytes before the image is placed.
    expected = color @ np.array([0.2989, 0.587, 0.114])
    np.testing.assert_allclose(grey[..., 0], expected, atol=1.1)


def test_border_weights_are_sample_weights(cells):
    config = BatchConfig(
        "segmentation", (24, 32), batch_size=2, border_weight=7.0, border_sigma=3.0
    )
    _, targets, weights = taken(training_batches(cells, "train", config), 1)[0]
    assert weights.shape == (2, 24, 32) and weights.dtype == np.float32
    by_map = {s["segmentation"].tobytes(): s["instances"] for _, s in cells.samples("train")}
    for segmentation, weight in zip(targets["segmentation"], weights, strict=True):
        instances = by_map[segmentation.tobytes()]
        np.testing.assert_array_equal(weight, border_weights(instances, 7.0, 3.0))
        assert weight.max() > 1.5
    # Validation is measured, not weighted.
    assert len(taken(validation_batches(cells, "val", config), 1)[0]) == 2


def test_border_weights_follow_the_changed_image(cells):
    """They are made after the change: 1 on every object, wherever it went."""
    config = batches(border_weight=10.0, batch_size=2)
    image, targets, weights = taken(training_batches(cells, "train", config), 1)[0]
    assert image.shape[:3] == weights.shape
    assert np.all(weights[targets["segmentation"] == 1] == 1.0)
    assert weights.max() > 1.5


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"border_weight": 5.0}, "border weights need instance maps"),
        ({"channels": 4}, "channels must be 1 or 3, not 4"),
    ],
)
def test_missing_keys_are_an_error(source, changes, words):
    for make in (training_batches, validation_batches):
        with pytest.raises(InputError, match=words):
            make(source, "train", batches(**changes))


def test_unknown_split(source):
    with pytest.raises(InputError, match="has no split 'test'"):
        validation_batches(source, "test", batches())
    with pytest.raises(InputError, match="has no split 'test'"):
        steps_per_epoch(source, "test", 2)
