"""The drawn scenes through TFDS: prepared without a network, read back unchanged."""

from __future__ import annotations

import socket

import numpy as np
import pytest
import tensorflow_datasets as tfds

from training.data.shapes import CLASSES, JOINTS, draw_scene
from training.data.shapes.tfds_builder import FIRST_INDEX, ShapesConfig, ZooShapes

SIZE = (48, 80)
COUNTS = {"train": 24, "validation": 3, "test": 2}


@pytest.fixture(scope="module")
def offline():
    patch = pytest.MonkeyPatch()

    def refuse(*_):
        raise AssertionError("the embedded data set reached for the network")

    patch.setattr(socket.socket, "connect", refuse)
    patch.setattr(socket, "getaddrinfo", refuse)
    yield
    patch.undo()


@pytest.fixture(scope="module")
def splits(tmp_path_factory, offline):
    config = ShapesConfig(name="tiny", size=SIZE, seed=4, **COUNTS)
    return tfds.load(
        "zoo_shapes",
        data_dir=str(tmp_path_factory.mktemp("tfds")),
        builder_kwargs={"config": config},
        with_info=True,
    )


@pytest.mark.parametrize("split", COUNTS)
def test_read_scenes_equal_generated_scenes(splits, split):
    data, info = splits
    assert info.splits[split].num_examples == COUNTS[split]
    indices = []
    for example in data[split].as_numpy_iterator():
        indices.append(int(example["index"]))
        scene = draw_scene(4, indices[-1], SIZE)
        np.testing.assert_array_equal(example["image"], scene.image)
        np.testing.assert_array_equal(example["segmentation"][..., 0], scene.segmentation)
        np.testing.assert_array_equal(example["instances"][..., 0], scene.instances)
        objects = example["objects"]
        np.testing.assert_array_equal(objects["bbox"], scene.boxes)
        np.testing.assert_array_equal(objects["label"], scene.labels)
        np.testing.assert_array_equal(objects["pose"], scene.poses)
        np.testing.assert_array_equal(objects["color"], scene.colors)
        np.testing.assert_array_equal(objects["keypoints"], scene.keypoints)
        assert [caption.decode() for caption in objects["caption"]] == scene.captions
        assert example["label"] == scene.label
        np.testing.assert_array_equal(example["box"], scene.box)
    first = FIRST_INDEX[split]
    assert sorted(indices) == list(range(first, first + COUNTS[split]))


def test_an_empty_scene_survives(splits):
    counts = [len(x["objects"]["label"]) for x in splits[0]["train"].as_numpy_iterator()]
    assert 0 in counts and max(counts) > 1
    empty = next(x for x in splits[0]["train"] if not len(x["objects"]["label"]))
    assert empty["objects"]["bbox"].shape == (0, 4)
    assert empty["objects"]["keypoints"].shape == (0, len(JOINTS), 3)


def test_features_name_the_classes(splits):
    features = splits[1].features
    assert features["label"].names == list(CLASSES)
    assert features["objects"]["label"].names == list(CLASSES)
    assert features["objects"]["pose"].names == ["calm", "aggressive"]
    assert features["image"].shape == (*SIZE, 3)


@pytest.mark.parametrize(
    ("name", "size", "variant", "train"),
    [
        ("scenes", (128, 128), "scene", 1200),
        ("scenes_256", (256, 256), "scene", 1200),
        ("scenes_6000", (128, 128), "scene", 6000),
        ("single", (128, 128), "single", 1200),
        ("figures", (128, 128), "figure", 1200),
    ],
)
def test_the_named_configurations(tmp_path, offline, name, size, variant, train):
    builder = tfds.builder(f"zoo_shapes/{name}", data_dir=str(tmp_path))
    assert isinstance(builder, ZooShapes)
    config = builder.builder_config
    assert (config.size, config.variant) == (size, variant)
    assert config.counts() == {"train": train, "validation": 200, "test": 200}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"validation": 0}, "validation must be at least 1 scene, not 0"),
        ({"size": (16, 16)}, "at least 32"),
        ({"variant": "pair"}, "not 'pair'"),
    ],
)
def test_a_configuration_that_cannot_be_drawn_is_refused(options, message):
    with pytest.raises(ValueError, match=message):
        ShapesConfig(name="bad", **options)
