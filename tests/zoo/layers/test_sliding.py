import keras
import numpy as np
import pytest

from zoo.errors import InputError
from zoo.layers.sliding_windows import AssemblePatches, DilatedMaxPooling2D, Patches


def maps(*shape):
    return np.random.default_rng(0).normal(size=shape).astype("float32")


@pytest.mark.parametrize("known", [True, False])
def test_patches_are_the_images_squares_row_by_row(known):
    x = maps(2, 6, 5, 3)
    inputs = keras.Input((6, 5, 3) if known else (None, None, 3))
    found = np.array(keras.Model(inputs, Patches(4)(inputs))(x))
    expected = [x[n, i : i + 4, j : j + 4] for n in (0, 1) for i in range(3) for j in range(2)]
    np.testing.assert_array_equal(found, expected)


def test_patches_of_one_pixel_assemble_to_the_image():
    x = maps(2, 6, 5, 3)
    np.testing.assert_array_equal(AssemblePatches()([Patches(1)(x), x]), x)


@pytest.mark.parametrize(("size", "rate"), [(2, 1), (2, 4), (3, 2), (1, 3)])
@pytest.mark.parametrize("known", [True, False])
def test_pooling_takes_the_largest_of_pixels_a_rate_apart(size, rate, known):
    x = maps(2, 11, 9, 3)
    inputs = keras.Input((11, 9, 3) if known else (None, None, 3))
    found = keras.Model(inputs, DilatedMaxPooling2D(size, rate)(inputs))(x)
    lost = (size - 1) * rate
    expected = np.empty((2, 11 - lost, 9 - lost, 3), "float32")
    for i, j in np.ndindex(expected.shape[1:3]):
        expected[:, i, j] = x[:, i : i + lost + 1 : rate, j : j + lost + 1 : rate].max((1, 2))
    np.testing.assert_array_equal(found, expected)


def test_layers_survive_saving():
    x = maps(1, 7, 8, 2)
    for layer in (Patches(3), DilatedMaxPooling2D(2, 3)):
        again = type(layer).from_config(layer.get_config())
        np.testing.assert_array_equal(again(x), layer(x))


def test_too_small_maps():
    with pytest.raises(InputError, match="size must be at most"):
        Patches(5)(keras.Input((4, 9, 1)))
    with pytest.raises(InputError, match=r"window must be at most .*, not 5"):
        DilatedMaxPooling2D(2, 4)(keras.Input((4, 9, 1)))
