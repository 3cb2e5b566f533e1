"""Partners of mixed images and mask sizes in the whole pipeline."""

import dataclasses

import numpy as np
import painted_scenes as scenes
import pytest
import tensorflow as tf

from training.data.augment import Augmentation
from training.data.pipeline import (
    BatchConfig,
    steps_per_epoch,
    training_batches,
    validation_batches,
)
from training.data.sources import Source, open_source
from zoo.errors import InputError

KEYS = ("image", "boxes", "labels", "crowd", "masks")
IMAGES = 6


class PaintedSource(Source):
    """Scenes that differ in their labels: image i has the labels 5 i and on."""

    spec = "painted"
    keys = KEYS
    flip_pairs = ()

    def __init__(self):
        super().__init__()
        self.sizes = {"train": IMAGES}
        samples = [scenes.scene(i, 60 + 5 * i, 80, 5 * i) for i in range(IMAGES)]
        self.samples_made = [{key: sample[key] for key in KEYS} for sample in samples]

    def raw(self, split, seed=None):
        order = tf.range(self.sizes[split])
        if seed is not None:
            order = tf.random.experimental.stateless_shuffle(order, seed)
        return tf.data.Dataset.from_tensor_slices({"number": order})

    def decode(self, record):
        makers = [
            lambda sample=sample: {key: tf.constant(value) for key, value in sample.items()}
            for sample in self.samples_made
        ]
        return tf.switch_case(record["number"], makers)

    def name_of(self, record):
        return str(int(record["number"]))


def batches(**changes):
    config = BatchConfig("instances", (48, 64), batch_size=3, max_objects=14, mask_size=28, seed=5)
    return dataclasses.replace(config, **changes)


def taken(dataset, count):
    return list(dataset.take(count).as_numpy_iterator())


def same(first, second):
    first, second = tf.nest.flatten(first), tf.nest.flatten(second)
    return len(first) == len(second) and all(map(np.array_equal, first, second))


def images_in(labels):
    """From which images the objects of one element come."""
    return {int(label) // 5 for label in labels if label >= 0}


def test_partners_depend_on_seed_epoch_and_position_alone():
    source = PaintedSource()
    config = batches(augmentation=Augmentation(mixup=0.7, flip_horizontal=0.5))
    steps = steps_per_epoch(source, "train", 3)
    dataset = training_batches(source, "train", config)
    unbroken = taken(dataset, 2 * steps)
    resumed = taken(training_batches(source, "train", config, first_epoch=1), steps)
    assert same(resumed, unbroken[steps:]) and not same(unbroken[:steps], unbroken[steps:])
    other = taken(training_batches(source, "train", dataclasses.replace(config, seed=6)), 1)
    assert not same(other, unbroken[:1])
    spec = dataset.element_spec[1]
    assert spec["masks"].shape == (3, 14, 28, 28) and spec["boxes"].shape == (3, 14, 4)
    joined = [images_in(row) for _, targets in unbroken for row in targets["labels"]]
    assert {1, 2} <= set(map(len, joined))


def test_partners_change_from_epoch_to_epoch():
    source = PaintedSource()
    config = batches(augmentation=Augmentation(mosaic=1.0), batch_size=6, max_objects=20)
    found = [
        frozenset(images_in(row))
        for _, targets in taken(training_batches(source, "train", config), 3)
        for row in targets["labels"]
    ]
    assert len(set(found)) > IMAGES and max(map(len, found)) >= 3


def test_masks_have_the_configured_size_in_training_and_validation():
    source = PaintedSource()
    for make in (training_batches, validation_batches):
        assert make(source, "train", batches()).element_spec[1]["masks"].shape[1:] == (14, 28, 28)
        _, targets = taken(make(source, "train", batches()), 1)[0]
        present = targets["labels"] >= 0
        assert targets["masks"][present].any(axis=(1, 2)).all()
        assert not targets["masks"][~present].any()
        own = make(source, "train", batches(mask_size=0))
        assert taken(own, 1)[0][1]["masks"].shape[1:] == (14, 112, 112)


def test_unsuitable_augmentation():
    with pytest.raises(InputError, match=r"crop='object': .* no boxes"):
        source = PaintedSource()
        source.keys = ("image", "segmentation")
        batches(
            task="segmentation", targets=("segmentation",), augmentation=Augmentation(crop="object")
        ).check(source)
    source = PaintedSource()
    source.keys = ("image", "boxes", "labels")
    with pytest.raises(InputError, match=r"copy_paste: .* no masks"):
        batches(
            task="detection", targets=("boxes", "labels"), augmentation=Augmentation(copy_paste=0.5)
        ).check(source)


def test_real_images_with_everything_on(shared_data):
    source = open_source(f"coco:{shared_data / 'coco_mini'}")
    policy = Augmentation(
        flip_horizontal=0.5,
        scale_jitter=(0.5, 2.0),
        rotate=10,
        crop="min_iou",
        erase=0.3,
        grey=0.1,
        contrast=0.2,
        mosaic=0.3,
        mixup=0.2,
        copy_paste=0.5,
    )
    config = batches(augmentation=policy, image_size=(160, 160), max_objects=150)
    split = next(iter(source.sizes))
    for image, targets in taken(training_batches(source, split, config), 4):
        assert np.isfinite(image).all() and image.min() >= 0 and image.max() <= 255.01
        boxes, present = targets["boxes"], targets["labels"] >= 0
        assert boxes.min() >= 0 and boxes.max() <= 160 and not boxes[~present].any()
        assert np.all(boxes[present][:, 2:] > boxes[present][:, :2])
