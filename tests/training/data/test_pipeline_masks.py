"""Masks come with as many cells as the recipe asks for."""

import numpy as np
import pytest
from object_folders import annotation, coco_content, write_coco

from training.data.pipeline import training_batches, validation_batches
from training.data.sources import open_source
from training.model_setup import batch_config_of
from training.recipe import Recipe
from zoo.errors import InputError

L_SHAPE = [[4, 5, 14, 5, 14, 10, 24, 10, 24, 15, 4, 15]]
"""The upper right quarter of the box (4, 5, 24, 15) is not the object's."""


@pytest.mark.parametrize(("config", "cells"), [(0, 112), (16, 16)])
def test_mask_size_of_the_recipe(tmp_path, config, cells):
    records = [annotation(i, 10 + i, segmentation=L_SHAPE) for i in range(4)]
    source = open_source(f"coco:{write_coco(tmp_path, coco_content(annotations=records))}")
    recipe = Recipe.of(image_size=(60, 80), batch_size=2, mask_size=config, max_objects=3)
    batches = batch_config_of("mask_rcnn", recipe)
    for make, split in ((training_batches, "train"), (validation_batches, "val")):
        dataset = make(source, split, batches)
        assert dataset.element_spec[1]["masks"].shape[1:] == (3, cells, cells)
        targets = next(dataset.as_numpy_iterator())[1]
        np.testing.assert_allclose(targets["boxes"][0, 0], [8, 10, 48, 30], atol=1e-4)
        expected = np.ones((cells, cells))
        expected[: cells // 2, cells // 2 :] = 0
        np.testing.assert_array_equal(targets["masks"][0, 0], expected)
        assert not targets["masks"][0, 1:].any()


def test_a_recipe_with_an_unusable_mask_size():
    with pytest.raises(InputError, match="mask_size must be a whole number from 0"):
        Recipe.of(mask_size=-1)
