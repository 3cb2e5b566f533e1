import keras
import numpy as np
import pytest

from zoo.errors import InputError
from zoo.layers import (
    PixelNormalization,
    aspp,
    conv_block,
    dense_block,
    separable_conv_block,
    transition_down,
    transition_up,
)


def random_maps(*shape):
    return np.random.default_rng(0).normal(size=shape).astype("float32")


@pytest.mark.parametrize("block", [conv_block, separable_conv_block])
@pytest.mark.parametrize("rate", [1, 2, 3])
def test_a_rate_spreads_the_taps(block, rate):
    inputs = keras.Input((None, None, 1))
    model = keras.Model(inputs, block(inputs, 1, rate=rate, norm=None, name="b"))
    for variable in model.variables:
        variable.assign(
            np.zeros(variable.shape) if "bias" in variable.path else np.ones(variable.shape)
        )
    point = np.zeros((1, 11, 11, 1), "float32")
    point[0, 5, 5, 0] = 1
    lit = np.argwhere(model.predict(point, verbose=0)[0, :, :, 0])
    taps = {(5 + rate * i, 5 + rate * j) for i in (-1, 0, 1) for j in (-1, 0, 1)}
    assert {tuple(place) for place in lit} == taps


@pytest.mark.parametrize("block", [conv_block, separable_conv_block])
def test_symmetric_padding_keeps_atrous_and_strided_aligned(block):
    x = random_maps(1, 12, 12, 3)
    inputs = keras.Input((12, 12, 3))
    strided = keras.Model(inputs, block(inputs, 4, stride=2, padding="symmetric", name="s"))
    dense = keras.Model(inputs, block(inputs, 4, padding="symmetric", name="d"))
    dense.set_weights(strided.get_weights())
    expected = dense.predict(x, verbose=0)[:, ::2, ::2]
    np.testing.assert_allclose(strided.predict(x, verbose=0), expected, atol=1e-6)


def test_bias_only_without_a_norm():
    inputs = keras.Input((8, 8, 3))
    assert len(keras.Model(inputs, conv_block(inputs, 4, norm="batch", name="b")).weights) == 5
    assert len(keras.Model(inputs, conv_block(inputs, 4, norm=None, name="b")).weights) == 2


def test_stride_and_rate_exclude_each_other():
    for block in (conv_block, separable_conv_block):
        with pytest.raises(InputError, match="stride or rate must be 1, not 2 and 2"):
            block(keras.Input((8, 8, 3)), 4, stride=2, rate=2, name="b")


@pytest.mark.parametrize("separable", [True, False])
def test_aspp_sizes_and_parameters(separable, litert):
    inputs = keras.Input((None, None, 8))
    model = keras.Model(inputs, aspp(inputs, (1, 2, 3), 4, separable=separable))
    three = 8 * 9 + 2 * 8 + 8 * 4 if separable else 8 * 4 * 9
    convolutions = 2 * 8 * 4 + 3 * three + 5 * 4 * 4
    assert sum(np.prod(w.shape) for w in model.trainable_weights) == convolutions + 6 * 2 * 4
    x = random_maps(1, 5, 7, 8)
    expected = model.predict(x, verbose=0)
    assert expected.shape == (1, 5, 7, 4)
    np.testing.assert_allclose(litert(model, x)[0], expected, atol=1e-5)


def test_dense_block_returns_everything_and_the_new_maps():
    inputs = keras.Input((None, None, 6))
    everything, new = dense_block(inputs, 3, 4, dropout=0.2, name="block")
    model = keras.Model(inputs, [everything, new])
    x = random_maps(1, 8, 8, 6)
    everything, new = model.predict(x, verbose=0)
    assert everything.shape[-1] == 18 and new.shape[-1] == 12
    np.testing.assert_array_equal(everything[..., :6], x)
    np.testing.assert_array_equal(everything[..., 6:], new)


@pytest.mark.parametrize("size", [(8, 10), (7, 9)])
def test_transitions_go_down_and_come_up_to_the_skip(size):
    skip = keras.Input((*size, 6))
    down = transition_down(skip, dropout=0.2, name="down")
    assert down.shape == (None, size[0] // 2, size[1] // 2, 6)
    up = transition_up(down, skip, 5, name="up")
    assert up.shape == (None, *size, 11)
    model = keras.Model(skip, up)
    x = random_maps(1, *size, 6)
    np.testing.assert_array_equal(model.predict(x, verbose=0)[..., 5:], x)


@pytest.mark.parametrize(
    ("growth", "depths", "parameters"),
    [
        (12, [4] * 11, 1_397_963),
        (16, [5] * 11, 3_502_923),
        (16, [4, 5, 7, 10, 12, 15, 12, 10, 7, 5, 4], 9_425_163),
    ],
)
def test_the_blocks_add_up_to_the_tiramisu(growth, depths, parameters):
    inputs = keras.Input((64, 64, 3))
    x = keras.layers.Conv2D(48, 3, padding="same", name="stem")(inputs)
    skips, new = [], None
    for index, depth in enumerate(depths):
        if index > 5:
            x = transition_up(new, skips.pop(), new.shape[-1], name=f"up{index}")
        x, new = dense_block(x, depth, growth, dropout=0.2, name=f"block{index}")
        if index < 5:
            skips.append(x)
            x = transition_down(x, dropout=0.2, name=f"down{index}")
    model = keras.Model(inputs, keras.layers.Conv2D(11, 1, name="head")(x))
    assert model.output_shape == (None, 64, 64, 11)
    assert model.count_params() == parameters


def test_pixel_normalization(litert):
    pixels = np.random.default_rng(0).integers(0, 256, (1, 4, 5, 3)).astype("uint8")
    inputs = keras.Input((None, None, 3), dtype="uint8")
    layer = PixelNormalization([10, 20, 30], 2.0, "bgr")
    model = keras.Model(inputs, layer(inputs))
    expected = (pixels[..., ::-1] - np.array([10.0, 20.0, 30.0])) / 2
    np.testing.assert_allclose(model.predict(pixels, verbose=0), expected)
    np.testing.assert_allclose(litert(model, pixels)[0], expected)
    again = keras.Sequential.from_config(keras.Sequential([inputs, layer]).get_config())
    np.testing.assert_allclose(again.predict(pixels, verbose=0), expected)


def test_half_precision_sees_whole_pixels():
    pixels = np.full((1, 1, 1, 1), 200.06, "float32")
    layer = PixelNormalization(200.0, 1.0, dtype="mixed_float16")
    prediction = layer(pixels)
    assert keras.backend.standardize_dtype(prediction.dtype) == "float16"
    np.testing.assert_allclose(np.array(prediction), 0.06, rtol=1e-2)


def test_pixel_normalization_errors():
    with pytest.raises(InputError, match="must be numbers per channel"):
        PixelNormalization([1.0, 2.0])(keras.Input((4, 4, 3)))
    with pytest.raises(InputError, match="order must be 'rgb' or 'bgr'"):
        PixelNormalization(order="yuv")
