"""Published weights in whole models; a narrow VGG16 of Keras' form replaces the published one."""

import keras
import numpy as np
import pytest

import zoo
from zoo.backbones.backbone import scaled
from zoo.backbones.vgg import FILTERS
from zoo.errors import InputError

WIDTH, HEAD = 0.06, 256


def narrow_vgg16(weights=None, include_top=True, input_shape=None, head=16):
    """`keras.applications.VGG16` with a sixteenth of the channels."""
    x = inputs = keras.Input((224, 224, 3) if include_top else input_shape)
    for stage, depth in enumerate((2, 2, 3, 3, 3), 1):
        filters = scaled(FILTERS[stage - 1], WIDTH)
        for number in range(1, depth + 1):
            name = f"block{stage}_conv{number}"
            x = keras.layers.Conv2D(filters, 3, padding="same", activation="relu", name=name)(x)
        x = keras.layers.MaxPooling2D(2, name=f"block{stage}_pool")(x)
    if include_top:
        x = keras.layers.Flatten(name="flatten")(x)
        x = keras.layers.Dense(head, activation="relu", name="fc1")(x)
        x = keras.layers.Dense(head, activation="relu", name="fc2")(x)
        x = keras.layers.Dense(1000, activation="softmax", name="predictions")(x)
    model = keras.Model(inputs, x, name="vgg16")
    if weights is not None:
        model.load_weights(weights)
    return model


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    """A file as Keras publishes them, of random numbers, and the network it is of."""
    network = narrow_vgg16()
    random = np.random.default_rng(0)
    for variable in network.weights:
        fan_in = max(np.prod(variable.shape[:-1]), 9)
        variable.assign(random.normal(size=variable.shape) * np.sqrt(2 / fan_in))
    path = tmp_path_factory.mktemp("vgg16") / "vgg16.weights.h5"
    network.save_weights(path)
    return str(path), network


@pytest.fixture(autouse=True)
def narrow(monkeypatch):
    monkeypatch.setattr(keras.applications, "VGG16", narrow_vgg16)


def test_fcn_computes_what_the_classifier_does(file):
    """In the middle of an image of 224×224 fc7 is the published network's fc2."""
    path, network = file
    model = zoo.build("fcn8s", num_classes=3, width=WIDTH, head_filters=HEAD, norm="none")
    report = zoo.load_weights(model, path)
    assert len(report.loaded) == 2 * (13 + 2)
    assert all("score" in name or "double" in name for name in report.not_loaded)
    fc7 = keras.Model(model.inputs, model.get_layer("fc7_act").output)
    fc2 = keras.Model(network.inputs, network.get_layer("fc2").output)
    image = np.random.default_rng(1).uniform(0, 255, (1, 224, 224, 3)).astype("float32")
    centered = image[..., ::-1] - np.float32([103.939, 116.779, 123.68])
    expected = np.asarray(fc2(centered))[0]
    assert expected.std() > 0
    np.testing.assert_allclose(
        np.asarray(fc7(image))[0, 3, 3], expected, rtol=1e-4, atol=1e-4 * expected.max()
    )


def test_other_fully_convolutional_networks_take_them_too(file):
    path, network = file
    kernel = network.get_layer("fc1").get_weights()[0]
    model = zoo.build(
        "dilated_frontend", num_classes=3, width=WIDTH, head_filters=16, head_kernel_size=7
    )
    zoo.load_weights(model, path)
    found = model.get_layer("fc6").get_weights()[0]
    for row, column in ((0, 0), (2, 5), (6, 6)):
        channels = found.shape[2]
        first = (7 * row + column) * channels
        np.testing.assert_array_equal(found[row, column], kernel[first : first + channels])


def test_heads_of_another_size_keep_their_values(file):
    model = zoo.build("fcn32s", num_classes=3, width=WIDTH, head_filters=128, norm="none")
    before = model.get_layer("fc7_conv").get_weights()[0]
    report = zoo.load_weights(model, file[0])
    assert len(report.loaded) == 26
    assert "fc6_conv/kernel" in report.not_loaded and "fc7_conv/kernel" in str(report)
    np.testing.assert_array_equal(model.get_layer("fc7_conv").get_weights()[0], before)


def test_weights_that_do_not_fit_are_one_line(file, tmp_path):
    with pytest.raises(InputError, match="needs a model with one backbone"):
        zoo.load_weights(zoo.card("unet").build_tiny(), "imagenet")
    model = zoo.build("fcn32s", num_classes=3, width=WIDTH, head_filters=HEAD)
    with pytest.raises(InputError, match="biases"):
        zoo.load_weights(model, file[0])
    plain = zoo.build("fcn32s", num_classes=3, width=WIDTH, head_filters=HEAD, norm="none")
    broken = tmp_path / "broken.weights.h5"
    broken.write_bytes(b"no weights")
    for path, message in ((broken, "not a readable"), (tmp_path / "none.h5", "no such file")):
        with pytest.raises(InputError, match=message) as caught:
            zoo.load_weights(plain, path)
        assert "\n" not in str(caught.value)
