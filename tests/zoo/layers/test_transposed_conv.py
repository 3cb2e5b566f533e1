import itertools

import keras
import numpy as np
import pytest

from zoo.errors import InputError
from zoo.layers import BilinearInitializer, TransposedConv2D

SMALL = np.array([[1, 2], [3, 4]], "float32").reshape(1, 2, 2, 1)
UNCROPPED = [
    [1, 1, 3, 2, 2],
    [1, 1, 3, 2, 2],
    [4, 4, 10, 6, 6],
    [3, 3, 7, 4, 4],
    [3, 3, 7, 4, 4],
]


@pytest.mark.parametrize(
    ("padding", "output_padding", "expected"),
    [
        (0, 0, UNCROPPED),
        (1, 0, [[1, 3, 2], [4, 10, 6], [3, 7, 4]]),
        (1, 1, [[1, 3, 2, 2], [4, 10, 6, 6], [3, 7, 4, 4], [3, 7, 4, 4]]),
        ("same", 0, [[1, 1, 3, 2], [1, 1, 3, 2], [4, 4, 10, 6], [3, 3, 7, 4]]),
    ],
)
def test_worked_example_of_ones(padding, output_padding, expected):
    layer = TransposedConv2D(
        1, 3, 2, padding=padding, output_padding=output_padding, kernel_initializer="ones"
    )
    np.testing.assert_array_equal(np.array(layer(SMALL))[0, :, :, 0], expected)


def stamp(x, kernel, stride):
    """Every input pixel stamps the kernel; overlaps add."""
    k = kernel.shape[0]
    sides = [(side - 1) * stride + k for side in x.shape[1:3]]
    prediction = np.zeros((len(x), *sides, kernel.shape[2]))
    for row, column in np.ndindex(*x.shape[1:3]):
        top, left = row * stride, column * stride
        prediction[:, top : top + k, left : left + k] += np.einsum(
            "nc,hwoc->nhwo", x[:, row, column], kernel
        )
    return prediction


CASES = [
    (k, s, p, extra)
    for k, s, p in itertools.product((1, 2, 3, 4), (1, 2, 3), (0, 1, "same"))
    for extra in ((0,) if p == "same" else range(s))
    if p == "same" or k + 2 * s - 2 * p > 0
]


@pytest.mark.parametrize(("k", "s", "p", "extra"), CASES)
def test_every_crop_is_a_window_of_the_stamped_image(k, s, p, extra):
    x = np.random.default_rng(0).normal(size=(2, 3, 4, 2)).astype("float32")
    layer = TransposedConv2D(3, k, s, padding=p, output_padding=extra)
    inputs = keras.Input((None, None, 2))
    prediction = keras.Model(inputs, layer(inputs)).predict(x, verbose=0)
    whole = np.pad(stamp(x, np.array(layer.kernel), s), [(0, 0), (0, 9), (0, 9), (0, 0)])
    if p == "same":
        first, height, width = max(k - s, 0) // 2, 3 * s, 4 * s
    else:
        first, height, width = p, 2 * s + k - 2 * p + extra, 3 * s + k - 2 * p + extra
    expected = whole[:, first : first + height, first : first + width]
    np.testing.assert_allclose(prediction, expected, atol=1e-5)
    assert layer.compute_output_shape((2, 3, 4, 2)) == prediction.shape


def test_same_is_the_adjoint_of_keras_same_convolution():
    rng = np.random.default_rng(1)
    for k, s in itertools.product((2, 3, 4, 5), (2, 3)):
        layer = TransposedConv2D(2, k, s, use_bias=False)
        small = rng.normal(size=(1, 3, 4, 3)).astype("float32")
        large = rng.normal(size=(1, 3 * s, 4 * s, 2)).astype("float32")
        up = np.array(layer(small))
        down = np.array(keras.ops.conv(large, layer.kernel, s, "same"))
        np.testing.assert_allclose((up * large).sum(), (small * down).sum(), rtol=1e-4)


@pytest.mark.parametrize("factor", [2, 3, 4])
def test_bilinear_kernel_interpolates(factor):
    size = 2 * factor - factor % 2
    layer = TransposedConv2D(2, size, factor, kernel_initializer=BilinearInitializer())
    x = np.random.default_rng(2).normal(size=(1, 5, 6, 2)).astype("float32")
    prediction = np.array(layer(x))
    resized = np.array(keras.ops.image.resize(x, (5 * factor, 6 * factor)))
    inner = slice(factor, -factor)
    np.testing.assert_allclose(prediction[:, inner, inner], resized[:, inner, inner], atol=1e-5)


def test_bilinear_kernel_of_odd_size_doubles():
    begin = BilinearInitializer(2)
    layer = TransposedConv2D(1, 3, 2, padding=1, output_padding=1, kernel_initializer=begin)
    x = np.float32([[[[1], [3]], [[5], [7]]]])
    wanted = [[1, 2, 3], [3, 4, 5], [5, 6, 7]]
    np.testing.assert_allclose(np.array(layer(x))[0, :3, :3, 0], wanted)
    assert BilinearInitializer.from_config(begin.get_config()).factor == 2
    with pytest.raises(InputError, match="at least 1, not -1"):
        BilinearInitializer(-1)


def test_bilinear_kernel_fills_matching_channels_only():
    kernel = np.array(BilinearInitializer()((4, 4, 3, 2)))
    row = [0.25, 0.75, 0.75, 0.25]
    for out, into in np.ndindex(3, 2):
        expected = np.outer(row, row) if out == into else np.zeros((4, 4))
        np.testing.assert_allclose(kernel[:, :, out, into], expected)
    with pytest.raises(InputError, match="height, width, out, in"):
        BilinearInitializer()((4, 4))


@pytest.mark.parametrize("padding", [0, 1, "same"])
def test_litert_and_saving(padding, litert, tmp_path):
    inputs = keras.Input((None, None, 2))
    layer = TransposedConv2D(
        3, 3, 2, padding=padding, activation="relu", kernel_initializer=BilinearInitializer()
    )
    model = keras.Model(inputs, layer(inputs))
    x = np.random.default_rng(3).normal(size=(1, 4, 5, 2)).astype("float32")
    expected = model.predict(x, verbose=0)
    np.testing.assert_allclose(litert(model, x)[0], expected, atol=1e-5)
    model.save(tmp_path / "up.keras")
    again = keras.saving.load_model(tmp_path / "up.keras")
    np.testing.assert_array_equal(again.predict(x, verbose=0), expected)
    assert again.layers[-1].get_config() == layer.get_config()


def test_gradient(gradient_error):
    layer = TransposedConv2D(2, 3, 2, padding=1, output_padding=1, dtype="float64")
    x = np.random.default_rng(4).normal(size=(1, 3, 2, 2))
    assert gradient_error(layer, x, step=0.5) < 1e-8


def test_errors_say_what_would_be_right():
    with pytest.raises(InputError, match="padding must be 'same' or a number"):
        TransposedConv2D(1, 3, padding="valid")
    with pytest.raises(InputError, match="output_padding must be from 0 to 1, not 2"):
        TransposedConv2D(1, 3, padding=1, output_padding=2)
    with pytest.raises(InputError, match="output_padding must be 0 with padding='same'"):
        TransposedConv2D(1, 3, output_padding=1)
    with pytest.raises(InputError, match="leaves no pixel"):
        TransposedConv2D(1, 2, 1, padding=2)(keras.Input((2, 2, 1)))
