"""Published sizes, counted on models that are built and never run."""

import keras
import numpy as np
import pytest

from zoo.backbones import BACKBONES
from zoo.backbones.resnet import features as resnet
from zoo.layers import ResizeLike, aspp, conv_block, separable_conv_block


def count(variables):
    return sum(int(np.prod(v.shape)) for v in variables)


# As stored, with the moving statistics.
STORED = {
    "vgg16": 138_357_544,
    "resnet50": 25_636_712,
    "resnet101": 44_707_176,
    "densenet121": 8_062_504,
    "mobilenet_v2": 3_538_984,
    "xception": 22_910_480,
}


CHANNELS = {
    "vgg16": (64, 128, 256, 512, 512, 512),
    "resnet50": (64, 256, 512, 1024, 2048),
    "resnet101": (64, 256, 512, 1024, 2048),
    "densenet121": (64, 256, 512, 1024, 1024),
    "mobilenet_v2": (16, 24, 32, 96, 320),
    "xception": (64, 128, 256, 728, 2048),
}


@pytest.mark.parametrize("name", STORED)
def test_with_top_the_count_is_the_published_one(name):
    side = 299 if name == "xception" else 224
    pixels = keras.Input((side, side, 3))
    family = BACKBONES[name]
    maps = family.features(pixels)
    logits = family.top(maps)
    assert logits.shape == (None, 1000)
    assert keras.Model(pixels, logits).count_params() == STORED[name]
    first = 0 if name == "vgg16" else 1
    assert {level: x.shape[-1] for level, x in maps.items()} == dict(
        enumerate(CHANNELS[name], first)
    )
    if name == "vgg16":
        assert keras.Model(pixels, maps).count_params() == 14_714_688


def test_darknet19():
    pixels = keras.Input((224, 224, 3))
    maps = BACKBONES["darknet19"].features(pixels)
    model = keras.Model(pixels, BACKBONES["darknet19"].top(maps))
    assert count(model.trainable_variables) == 20_842_376
    convolutions = [x for x in model.layers if isinstance(x, keras.layers.Conv2D)]
    assert len(convolutions) == 19
    assert {level: x.shape[-1] for level, x in maps.items()} == {
        0: 32,
        1: 64,
        2: 128,
        3: 256,
        4: 512,
        5: 1024,
    }


def test_densenet169():
    pixels = keras.Input((224, 224, 3))
    family = BACKBONES["densenet121"]
    maps = family.features(pixels, blocks=(6, 12, 32, 32))
    assert keras.Model(pixels, family.top(maps)).count_params() == 14_307_880


def test_torchvision_form_has_no_biases_and_the_stride_on_the_3x3():
    pixels = keras.Input((224, 224, 3))
    keras_form = keras.Model(pixels, resnet(pixels))
    other = keras.Model(pixels, resnet(pixels, stride_on="3x3", epsilon=1e-5))
    # One bias per normalized channel: half of what the moving statistics take.
    statistics = count(keras_form.non_trainable_variables)
    difference = count(keras_form.trainable_variables) - count(other.trainable_variables)
    assert difference == statistics // 2
    for model, strided in ((keras_form, "_1_conv"), (other, "_2_conv")):
        layers = [x for x in model.layers if isinstance(x, keras.layers.Conv2D)]
        inside = [x.name for x in layers if x.strides == (2, 2) and "_block" in x.name]
        assert {name[-7:] for name in inside} == {"_0_conv", strided}
        assert len(inside) == 6


def test_deeplab_v3_plus_on_aligned_xception():
    pixels = keras.Input((513, 513, 3))
    maps = BACKBONES["xception65"].features(pixels, output_stride=16)
    assert [maps[level].shape[1] for level in (1, 2, 3, 4, 5)] == [257, 129, 65, 33, 33]
    low = conv_block(maps[2], 48, 1, name="low")
    x = keras.layers.Concatenate()([ResizeLike()([aspp(maps[5]), low]), low])
    for step in ("one", "two"):
        x = separable_conv_block(x, 256, depthwise_activation="relu", name=step)
    model = keras.Model(pixels, keras.layers.Conv2D(21, 1)(x))
    assert count(model.trainable_variables) == 41_055_413
    assert model.count_params() == 41_258_213
