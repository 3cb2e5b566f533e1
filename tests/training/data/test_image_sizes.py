"""Sizes of training images that take turns epoch by epoch."""

import itertools

import numpy as np
import pytest
from image_folders import write_images

from training.data.pipeline import BatchConfig, steps_per_epoch, training_batches
from training.data.sources import open_source
from training.recipe import Recipe, read_recipe
from training.trainer import fit
from zoo.errors import InputError


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    folder = write_images(tmp_path_factory.mktemp("sizes") / "data", 12)
    return open_source(f"masks:{folder}?val=0.34&classes=ground,tree,road")


SIZES = ((16, 16), (24, 32), (20, 20))


def batches(source, sizes, first_epoch, count):
    made = BatchConfig("segmentation", (16, 16), batch_size=4, image_sizes=sizes)
    stream = training_batches(source, "train", made, first_epoch)
    return list(itertools.islice(stream.as_numpy_iterator(), count))


def test_every_epoch_has_the_next_size(source):
    steps = steps_per_epoch(source, "train", 4)
    assert steps == 2
    shapes = [images.shape[1:3] for images, _ in batches(source, SIZES, 0, 7 * steps)]
    turns = [SIZES[epoch % 3] for epoch in range(7) for _ in range(steps)]
    assert shapes == turns


def test_a_resumed_run_continues_with_the_same_images(source):
    whole = batches(source, SIZES, 0, 12)
    for first in (1, 2, 4):
        rest = batches(source, SIZES, first, 12 - 2 * first)
        for (image, truth), (same, again) in zip(rest, whole[2 * first :], strict=True):
            np.testing.assert_array_equal(image, same)
            np.testing.assert_array_equal(truth["segmentation"], again["segmentation"])


def test_a_size_of_its_own_sees_the_same_order(source):
    turns, plain = batches(source, SIZES, 0, 2), batches(source, (), 0, 2)
    for (image, _), (same, _) in zip(turns, plain, strict=True):
        np.testing.assert_array_equal(image, same)


def test_a_run_of_two_sizes(source, tmp_path):
    recipe = Recipe.of(
        image_size=(16, 16),
        image_sizes=((16, 16), (24, 24)),
        batch_size=4,
        epochs=2,
        model={"filters": 4, "depth": 2},
    )
    run = fit("unet", source, recipe, out=tmp_path / "run", log=lambda line: None)
    assert [row["epoch"] for row in run.history] == [1, 2]
    assert read_recipe(run.folder / "recipe.toml").batch.image_sizes == ((16, 16), (24, 24))


@pytest.mark.parametrize("sizes", [[180, 224], [[180]], [[0, 4]], "180"])
def test_sizes_are_pairs(sizes):
    with pytest.raises(InputError, match=r"image_sizes must be a list of \[height, width\]"):
        Recipe.of(**{"image_sizes": sizes})
