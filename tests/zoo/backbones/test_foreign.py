"""Keras' own networks and keras-cv's; random numbers stand in for weights that need a download."""

import keras
import numpy as np
import pytest

from zoo.backbones import BACKBONES, build_backbone, keras_applications, keras_cv
from zoo.errors import InputError
from zoo.layers.normalization_policy import FrozenBatchNormalization


def random_weights(model):
    """The same numbers for every model of one architecture, different for each of its weights."""
    rng = np.random.default_rng(0)
    for variable in model.variables:
        if "variance" in variable.path or "gamma" in variable.path:
            variable.assign(rng.uniform(0.5, 1.5, variable.shape))
        else:
            fan_in = max(np.prod(variable.shape[:-1]), 9)
            variable.assign(rng.standard_normal(variable.shape, "float32") / np.sqrt(fan_in))


@pytest.fixture
def published(monkeypatch):
    """What `keras_applications` would fetch: the last application built, with random weights."""
    made = []
    build = keras_applications._application

    def instead(name, weights, shape, include_top):
        model = build(name, None, shape, include_top)
        random_weights(model)
        made.append(model)
        return model

    monkeypatch.setattr(keras_applications, "_application", instead)
    return made


@pytest.mark.parametrize("name", ["vgg16", "resnet50", "densenet121", "mobilenet_v2", "xception"])
def test_with_the_same_weights_every_level_equals_the_published_network(name, published):
    pixels = keras.Input((96, 80, 3))
    maps = build_backbone(name, pixels, normalize=False, weights="imagenet")
    ours = keras.Model(pixels, maps)
    theirs = keras.Model(
        pixels, keras_applications.features(pixels, name, weights="imagenet", norm="batch")
    )
    x = np.random.default_rng(1).normal(size=(1, 96, 80, 3)).astype("float32")
    one, two = ours.predict(x, verbose=0), theirs.predict(x, verbose=0)
    assert set(one) == set(two) == set(BACKBONES[name].levels)
    for level, expected in two.items():
        assert expected.std() > 0
        np.testing.assert_allclose(one[level], expected, rtol=1e-5, atol=1e-5 * expected.max())


def test_the_top_is_copied_with_its_weights(published):
    pixels = keras.Input((64, 64, 3))
    family = BACKBONES["mobilenet_v2"]
    model = keras.Model(pixels, family.top(family.features(pixels)))
    assert keras_applications.load_weights(model, "mobilenet_v2") == []
    dense = published[-1].get_layer("predictions").get_weights()
    ours = model.get_layer("mobilenet_v2_predictions").get_weights()
    np.testing.assert_array_equal(dense[0], ours[0])
    conv = published[-1].get_layer("Conv_1_bn").get_weights()
    np.testing.assert_array_equal(model.get_layer("mobilenet_v2_Conv_1_norm").get_weights(), conv)


def test_imagenet_weights_with_rates_and_frozen_norms(published):
    pixels = keras.Input((None, None, 3))
    maps = build_backbone(
        "mobilenet_v2", pixels, weights="imagenet", output_stride=8, norm="frozen", name="trunk"
    )
    model = keras.Model(pixels, maps)
    statistics = published[-1].get_layer("block_3_project_BN").get_weights()
    layer = model.get_layer("trunk_block_3_project_norm")
    assert isinstance(layer, FrozenBatchNormalization)
    for ours, theirs in zip(layer.get_weights(), statistics, strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_what_got_no_weights_is_reported(published):
    pixels = keras.Input((None, None, 3))
    model = keras.Model(pixels, BACKBONES["vgg16"].features(pixels, norm="batch"))
    left = keras_applications.load_weights(model, "vgg16")
    assert len(left) == 13 and left[0] == "vgg16_block1_conv1_norm"
    kernel = published[-1].get_layer("block5_conv3").get_weights()[0]
    np.testing.assert_array_equal(model.get_layer("vgg16_block5_conv3").get_weights()[0], kernel)


def test_weights_that_do_not_fit_say_what_would(published):
    pixels = keras.Input((None, None, 3))
    with pytest.raises(InputError, match="build it with width=1"):
        build_backbone("mobilenet_v2", pixels, weights="imagenet", width=0.5)
    with pytest.raises(InputError, match="norm batch, frozen or sync"):
        build_backbone("mobilenet_v2", pixels, weights="imagenet", norm="group")
    with pytest.raises(InputError, match="build it with the default blocks"):
        build_backbone("mobilenet_v2", pixels, weights="imagenet", blocks=(1, 2, 3, 4, 3, 3, 2))
    with pytest.raises(InputError, match="no weights for backbone 'darknet19'"):
        build_backbone("darknet19", pixels, weights="imagenet")


@pytest.mark.parametrize("name", ["vgg19", "densenet169"])
def test_depths_the_zoo_has_not(name):
    pixels = keras.Input((64, 96, 3))
    maps = keras_applications.features(pixels, name)
    for level, value in maps.items():
        assert value.shape[1:3] == (64 // 2**level, 96 // 2**level)


@pytest.mark.parametrize(
    ("name", "norm", "width"), [("resnet18", "frozen", 1.0), ("csp_darknet_tiny", "batch", 0.25)]
)
def test_keras_cv(name, norm, width):
    pytest.importorskip("keras_cv")
    pixels = keras.Input((64, 96, 3))
    model = keras.Model(pixels, keras_cv.features(pixels, name, norm=norm, width=width))
    if norm == "frozen":
        kinds = [
            type(layer)
            for layer in model._flatten_layers()
            if isinstance(layer, keras.layers.BatchNormalization)
        ]
        assert kinds == [FrozenBatchNormalization] * 20
    maps = model.predict(np.ones((1, 64, 96, 3), "float32"), verbose=0)
    assert {level: value.shape[1:3] for level, value in maps.items()} == {
        level: (64 // 2**level, 96 // 2**level) for level in (2, 3, 4, 5)
    }


def test_keras_cv_sizes_are_those_its_presets_state():
    models = pytest.importorskip("keras_cv").models
    for name in ("resnet18", "csp_darknet_tiny", "csp_darknet_s"):
        pixels = keras.Input((None, None, 3))
        model = keras.Model(pixels, keras_cv.features(pixels, name))
        presets = getattr(models, keras_cv.ARCHITECTURES[name][0]).presets
        assert model.count_params() == presets[name]["metadata"]["params"]


def test_foreign_errors_say_what_would_be_right():
    pixels = keras.Input((64, 64, 3))
    with pytest.raises(InputError, match="use batch, frozen or sync"):
        keras_applications.features(pixels, "mobilenet_v2", norm="group")
    with pytest.raises(InputError, match="hides batch normalisation inside"):
        keras_cv.features(pixels, "csp_darknet_tiny", norm="frozen")
    with pytest.raises(InputError, match="is not taken from keras-cv"):
        keras_cv.features(pixels, "vit")
    with pytest.raises(InputError, match="keras-cv's resnet18 has one width"):
        keras_cv.features(pixels, "resnet18", width=0.5)
    with pytest.raises(InputError, match="preset 'resnet18_imagenet' has one width"):
        keras_cv.features(pixels, "resnet18", preset="resnet18_imagenet", width=0.5)
