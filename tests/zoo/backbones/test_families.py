import keras
import numpy as np
import pytest

from zoo.backbones import BACKBONES, build_backbone
from zoo.backbones.aligned_xception import features as xception65
from zoo.backbones.backbone import Strides, scaled
from zoo.backbones.resnet import features as resnet
from zoo.errors import InputError


def random_maps(*shape):
    return np.random.default_rng(0).normal(size=shape).astype("float32")


@pytest.mark.parametrize(
    ("family", "arguments"),
    [
        (resnet, {"blocks": (1, 2, 2, 2), "width": 0.125, "stride_on": "1x1"}),
        (resnet, {"blocks": (1, 2, 2, 2), "width": 0.125, "stride_on": "3x3"}),
        (xception65, {"middle_blocks": 2, "width": 0.0625}),
    ],
)
@pytest.mark.parametrize("output_stride", [8, 16])
def test_rates_compute_what_strides_skip(family, arguments, output_stride):
    pixels = keras.Input((64, 96, 3))
    strided = keras.Model(pixels, family(pixels, name="net", **arguments)[5])
    dense = keras.Model(
        pixels, family(pixels, name="net", output_stride=output_stride, **arguments)[5]
    )
    dense.set_weights(strided.get_weights())
    x = random_maps(1, 64, 96, 3)
    step = 32 // output_stride
    expected = strided.predict(x, verbose=0)
    prediction = dense.predict(x, verbose=0)
    assert prediction.shape[1:3] == (64 // output_stride, 96 // output_stride)
    np.testing.assert_allclose(prediction[:, ::step, ::step], expected, atol=1e-4)


def test_vgg_drops_pools_and_spreads_conv5():
    pixels = keras.Input((64, 64, 3))
    model = keras.Model(pixels, BACKBONES["vgg16"].features(pixels, width=0.125, output_stride=8))
    pools = [x for x in model.layers if isinstance(x, keras.layers.MaxPooling2D)]
    assert len(pools) == 3
    rates = {x.name: x.dilation_rate[0] for x in model.layers if "dilation_rate" in dir(x)}
    assert [rates[f"vgg16_block5_conv{i}"] for i in (1, 2, 3)] == [2, 2, 2]
    assert rates["vgg16_block4_conv3"] == 1


@pytest.mark.parametrize(
    ("name", "module"),
    [
        ("vgg16", "vgg16"),
        ("resnet50", "resnet"),
        ("densenet121", "densenet"),
        ("mobilenet_v2", "mobilenet_v2"),
        ("xception", "xception"),
    ],
)
def test_normalization_is_that_of_the_published_weights(name, module):
    pixels = np.random.default_rng(1).integers(0, 256, (2, 4, 5, 3)).astype("uint8")
    published = getattr(keras.applications, module).preprocess_input
    expected = published(pixels.astype("float32"))
    prediction = np.array(BACKBONES[name].normalize(pixels))
    np.testing.assert_allclose(prediction, expected, atol=1e-4)


def test_darknet_takes_pixels_from_0_to_1():
    pixels = np.array([0, 51, 255], "uint8").reshape(1, 1, 1, 3)
    prediction = np.array(BACKBONES["darknet19"].normalize(pixels))
    np.testing.assert_allclose(prediction.ravel(), [0, 0.2, 1], rtol=1e-6)
    grey = np.array([0, 255], "uint8").reshape(1, 2, 1, 1)
    for family in BACKBONES.values():
        np.testing.assert_allclose(np.array(family.normalize(grey)).ravel(), [-1, 1])


def test_width_rounds_to_multiples_of_eight():
    assert [scaled(c, 1.0) for c in (16, 24, 728, 2048)] == [16, 24, 728, 2048]
    assert [scaled(c, 0.35) for c in (16, 24, 32, 64, 96)] == [8, 8, 16, 24, 32]
    assert scaled(32, 0.001) == 8


def test_strides_beyond_the_limit_become_rates():
    strides = Strides(8)
    assert [strides.next(2) for _ in range(5)] == [(2, 1), (2, 1), (2, 1), (1, 1), (1, 2)]
    assert strides.rate == 4


def test_unknown_names_and_sizes():
    pixels = keras.Input((None, None, 3))
    with pytest.raises(InputError, match="did you mean 'resnet50'"):
        build_backbone("resnet5", pixels)
    with pytest.raises(InputError, match="blocks must be 4 numbers of at least 1"):
        build_backbone("resnet50", pixels, blocks=(3, 4))
    with pytest.raises(InputError, match="stride_on must be '1x1' or '3x3', not '7x7'"):
        build_backbone("resnet50", pixels, stride_on="7x7")
    maps = build_backbone("vgg16", pixels, **BACKBONES["vgg16"].tiny)
    with pytest.raises(InputError, match="input_shape must have a fixed size"):
        BACKBONES["vgg16"].top(maps)
