"""Sizes of training images that are drawn again every so many batches, as in YOLOv2."""

import itertools

import numpy as np
import pytest
from image_folders import write_images
from object_folders import coco_content, write_coco

from training.data.batch_config import BatchConfig
from training.data.batch_order import steps_per_epoch
from training.data.pipeline import training_batches
from training.data.sources import open_source
from training.recipe import Recipe
from training.trainer import fit
from zoo.detection.yolo.yolo_v2_detector import YoloV2Detector
from zoo.errors import InputError

SIZES = ((16, 16), (24, 32), (8, 8))


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    folder = write_images(tmp_path_factory.mktemp("size_steps") / "data", 12)
    return open_source(f"masks:{folder}?val=0.34&classes=ground,tree,road")


def batches(source, epoch, step, count, seed=0):
    made = BatchConfig(
        "segmentation", (16, 16), batch_size=4, image_sizes=SIZES, size_steps=3, seed=seed
    )
    stream = training_batches(source, "train", made, epoch, step)
    return list(itertools.islice(stream.as_numpy_iterator(), count))


def test_sizes_change_every_three_batches(source):
    sizes = [image.shape[1:3] for image, _ in batches(source, 0, 0, 36)]
    for first in range(0, 36, 3):
        assert len(set(sizes[first : first + 3])) == 1
    assert set(sizes) == set(SIZES)
    drawn = sizes[::3]
    assert drawn != [SIZES[turn % 3] for turn in range(12)]
    assert drawn != [image.shape[1:3] for image, _ in batches(source, 0, 0, 36, seed=1)][::3]


def test_truth_has_the_size_of_its_image(source):
    for image, truth in batches(source, 0, 0, 12):
        assert truth["segmentation"].shape == image.shape[:3]


def test_a_resumed_run_continues_with_the_same_images(source):
    assert steps_per_epoch(source, "train", 4) == 2
    whole = batches(source, 0, 0, 12)
    rest = batches(source, 2, 1, 7)
    for (image, truth), (same, again) in zip(rest, whole[5:], strict=True):
        np.testing.assert_array_equal(image, same)
        np.testing.assert_array_equal(truth["segmentation"], again["segmentation"])


def test_a_step_is_traced_once_for_all_sizes(tmp_path, monkeypatch):
    """Boxes move with their images, and no size makes Keras trace its step anew."""
    traced = []
    plain = YoloV2Detector.compute_losses

    def learn(model, images, targets, outputs, training):
        if training:
            traced.append(outputs["cells"].shape)
        return plain(model, images, targets, outputs, training)

    monkeypatch.setattr(YoloV2Detector, "compute_losses", learn)
    recipe = Recipe.of(
        image_size=(32, 32),
        image_sizes=((32, 32), (64, 64), (64, 96)),
        size_steps=1,
        batch_size=2,
        epochs=1,
        max_evaluation_images=2,
        jit=False,
        model={
            "width": 0.125,
            "anchor_priors": [[0.5, 0.5]],
            "backbone_options": {"blocks": [1, 1, 1, 1, 1, 1]},
        },
    )
    data = f"coco:{write_coco(tmp_path / 'data', coco_content(24))}?val=0.2"
    run = fit("yolo_v2", data, recipe, out=tmp_path / "run", log=lambda line: None)
    assert len(run.history) == 1 and np.isfinite(run.history[0]["loss"])
    assert len(traced) <= 3


def test_numbers_that_do_not_go_together():
    for changes, message in [
        ({"size_steps": 10}, "size_steps needs image_sizes"),
        ({"size_steps": -1, "image_sizes": SIZES}, "whole number"),
        ({"size_steps": 1, "image_sizes": SIZES, "data_service": "grpc://a:1"}, "no data_service"),
    ]:
        with pytest.raises(InputError, match=message):
            Recipe.of(**changes)
