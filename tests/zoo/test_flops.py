"""FLOPs of single layers worked out by hand: two for each multiply-accumulate."""

import keras
import pytest
from keras import layers

import zoo
from zoo.flops import count_flops


def flops(layer, shape):
    inputs = keras.Input(shape)
    return count_flops(keras.Model(inputs, layer(inputs)))


@pytest.mark.parametrize(
    ("layer", "shape", "macs"),
    [
        # 8×8 outputs, 3×3×3 inputs each, 16 filters.
        (layers.Conv2D(16, 3, padding="same"), (8, 8, 3), 8 * 8 * 27 * 16),
        (layers.Conv2D(16, 3), (8, 8, 3), 6 * 6 * 27 * 16),
        (layers.Conv2D(16, 3, strides=2, padding="same"), (9, 8, 3), 5 * 4 * 27 * 16),
        (layers.Conv2D(16, 3, dilation_rate=2, padding="same"), (8, 8, 3), 8 * 8 * 27 * 16),
        # Two groups: each filter sees half of the channels.
        (layers.Conv2D(16, 3, groups=2, padding="same"), (8, 8, 4), 8 * 8 * 9 * 2 * 16),
        (layers.DepthwiseConv2D(3, padding="same"), (8, 8, 6), 8 * 8 * 9 * 6),
        (layers.DepthwiseConv2D(3, depth_multiplier=2, strides=2), (9, 9, 6), 4 * 4 * 9 * 12),
        (layers.SeparableConv2D(5, 3, padding="same"), (8, 8, 6), 8 * 8 * (9 * 6 + 6 * 5)),
        # Every one of the 4×4 inputs is spread with a 3×3 kernel from 5 to 7 channels.
        (layers.Conv2DTranspose(7, 3, strides=2, padding="same"), (4, 4, 5), 16 * 9 * 5 * 7),
        (layers.Dense(10), (20,), 200),
        # On a map a dense layer is a 1×1 convolution.
        (layers.Dense(10), (3, 4, 20), 12 * 200),
        (layers.LSTM(4), (6, 3), 6 * (3 * 16 + 4 * 16)),
        (layers.BatchNormalization(), (8, 8, 3), 0),
        (layers.MaxPooling2D(), (8, 8, 3), 0),
    ],
)
def test_layers_by_hand(layer, shape, macs):
    assert flops(layer, shape) == 2 * macs


def test_a_layer_used_twice_counts_twice():
    inputs = keras.Input((8, 8, 4))
    shared = layers.Conv2D(4, 3, padding="same")
    model = keras.Model(inputs, shared(shared(inputs)))
    assert count_flops(model) == 2 * 2 * 64 * 9 * 16


@pytest.mark.parametrize("kind", ["functional", "sequential"])
def test_a_model_in_the_model_is_counted(kind):
    convolution = layers.Conv2D(4, 3, padding="same")
    if kind == "functional":
        x = keras.Input((8, 8, 4))
        inner = keras.Model(x, convolution(x))
    else:
        inner = keras.Sequential([keras.Input((8, 8, 4)), convolution])
    inputs = keras.Input((8, 8, 4))
    assert count_flops(keras.Model(inputs, inner(inner(inputs)))) == 2 * 2 * 64 * 9 * 16


def test_a_layer_may_say_so_itself():
    class Doubling(layers.Layer):
        def call(self, x):
            return 2 * x

        def macs(self, input_shape, output_shape):
            assert input_shape == output_shape == (1, 5, 6, 7)
            return 1000

    assert flops(Doubling(), (5, 6, 7)) == 2000


def test_sizes_must_be_known():
    with pytest.raises(ValueError, match="build the model with a fixed height and width"):
        flops(layers.Conv2D(2, 3, name="c"), (None, None, 3))


def test_unet_from_its_table():
    """The paper's 23 convolutions at 572×572, from the sizes in its figure 1."""
    macs = 0
    side, channels = 572, 1
    sides = []
    for level in range(5):
        filters = 64 * 2**level
        for source in (channels, filters):
            side -= 2
            macs += side * side * 9 * source * filters
        channels = filters
        sides.append(side)
        side //= 2
    assert sides == [568, 280, 136, 64, 28]
    side = 28
    for level in range(3, -1, -1):
        filters = 64 * 2**level
        macs += side * side * 4 * 2 * filters * filters
        side *= 2
        for source in (2 * filters, filters):
            side -= 2
            macs += side * side * 9 * source * filters
    assert side == 388
    macs += side * side * 64 * 2
    assert zoo.card("unet").flops() == 2 * macs
