"""`load_data`: batches of known length for a plain `fit`, deterministic in the seed."""

import os
import subprocess
import sys
import textwrap

import numpy as np
import pytest
import tensorflow as tf
from image_folders import write_images

import training
import zoo
from training.data.augment import Augmentation
from training.data.data_loading import load_data
from training.data.pipeline import training_batches
from training.data.sources import open_source
from zoo.errors import InputError

OPTIONS = {
    "image_size": (16, 16),
    "batch_size": 2,
    "augmentation": Augmentation(flip_horizontal=0.5, rotate=20, brightness=0.2),
    "seed": 3,
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return write_images(tmp_path_factory.mktemp("masks"), 7, (16, 20))


def loaded(folder, **changes):
    return load_data(f"masks:{folder}?val=0.3", **{**OPTIONS, **changes})


def arrays(dataset):
    return [tf.nest.flatten(batch) for batch in dataset.as_numpy_iterator()]


def same(first, second):
    pairs = zip(first, second, strict=True)
    return all(np.array_equal(a, b) for one, two in pairs for a, b in zip(one, two, strict=True))


@pytest.mark.parametrize("changes", [{}, {"image_sizes": ((16, 16), (8, 8))}, {"cache": "memory"}])
def test_each_iteration_is_the_next_epoch_of_the_seed(folder, changes):
    data = loaded(folder, **changes)
    assert training.load_data is load_data
    steps = len(data.train)
    assert steps == data.source.sizes["train"] // 2 and len(data.val) == 1
    first, second = arrays(data.train), arrays(data.train)
    assert len(first) == len(second) == steps and not same(first, second)
    again = loaded(folder, **changes)
    assert same(first, arrays(again.train)) and same(second, arrays(again.train))
    batches = training_batches(data.source, "train", data.config).take(2 * steps)
    assert same([*first, *second], arrays(batches))
    assert same(arrays(data.val), arrays(data.val))


def test_a_plain_fit(folder, recwarn):
    data = loaded(folder)
    assert data.config.task == "segmentation" and data.test is None
    assert data.num_classes == len(data.class_names) == data.source.num_classes
    model = zoo.card("unet").build_tiny(num_classes=data.num_classes)
    model.compile(optimizer="adam")
    history = model.fit(data.train, validation_data=data.val, epochs=2, verbose=0).history
    assert len(history["loss"]) == 2 and np.isfinite(history["loss"] + history["val_loss"]).all()
    assert not [one for one in recwarn if "keras" in one.filename]


def test_a_plain_fit_on_jax(folder):
    pytest.importorskip("jax")
    script = f"""
        import training, zoo
        data = training.load_data("masks:{folder}?val=0.3", image_size=(16, 16), batch_size=2)
        model = zoo.card("unet").build_tiny(num_classes=data.num_classes)
        model.compile(optimizer="adam")
        history = model.fit(data.train, validation_data=data.val, epochs=2, verbose=0).history
        assert len(history["val_loss"]) == 2
    """
    environment = os.environ | {"KERAS_BACKEND": "jax", "JAX_PLATFORMS": "cpu"}
    command = [sys.executable, "-W", "error:`shuffle=True`", "-c", textwrap.dedent(script)]
    subprocess.run(command, env=environment, check=True, timeout=600)


def test_the_task_follows_from_the_keys_or_the_architecture():
    source = open_source("shapes:single")
    options = {"image_size": (32, 32), "batch_size": 2}
    with pytest.raises(InputError, match=r"give task=classification or segmentation or"):
        load_data(source, **options)
    data = load_data(source, task="classification", **options)
    assert list(next(iter(data.val))[1]) == ["label"]
    assert data.class_names == source.label_names and data.test is not None
    data = load_data(source, architecture="mask_rcnn", **options)
    assert data.config.task == "instances"
    data = load_data(source, architecture="densecap", **options)
    assert data.config.max_words == 15 and data.class_names == data.config.vocabulary.tokens


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"task": "segmentaton"}, r"unknown task 'segmentaton'; did you mean 'segmentation'\?"),
        ({"batch": 2}, r"unknown option 'batch'; did you mean 'batch_size'\?"),
        ({"task": "detection"}, "the data set has no boxes, labels"),
        ({"task": "segmentation", "architecture": "unet"}, "exclude each other"),
        ({"architecture": "fast_rcnn"}, "takes proposals"),
        ({"data_service": "grpc://localhost:5050"}, "data_service is not supported"),
    ],
)
def test_wrong_arguments_are_one_line(folder, arguments, message):
    with pytest.raises(InputError, match=message) as error:
        loaded(folder, **arguments)
    assert "\n" not in str(error.value)
