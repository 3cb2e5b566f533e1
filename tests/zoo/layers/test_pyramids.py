import math

import keras
import numpy as np
import pytest

from zoo.errors import InputError
from zoo.layers import (
    AdaptivePooling,
    LaplacianPyramid,
    SpatialPyramidPooling,
    pyramid_pooling,
)
from zoo.layers.laplacian_pyramid import _expand_like


def random_maps(*shape):
    return np.random.default_rng(0).normal(size=shape).astype("float32")


def test_worked_example_20x20():
    x = random_maps(2, 20, 20, 3)
    for bins, window in ((4, 5), (2, 10), (1, 20)):
        expected = x.reshape(2, bins, window, bins, window, 3).max((2, 4))
        np.testing.assert_array_equal(np.array(AdaptivePooling(bins)(x)), expected)
    flat = np.array(SpatialPyramidPooling((4, 2, 1))(x))
    assert flat.shape == (2, 21 * 3)
    np.testing.assert_array_equal(flat[:, -3:], x.max((1, 2)))
    np.testing.assert_array_equal(flat[:, :3], x[:, :5, :5].max((1, 2)))
    np.testing.assert_array_equal(flat[:, 3:6], x[:, :5, 5:10].max((1, 2)))
    spread = pyramid_pooling(keras.Input((20, 20, 3)), (4, 2, 1), 5, norm=None)
    assert spread.shape == (None, 20, 20, 3 + 3 * 5)


@pytest.mark.parametrize("mode", ["max", "mean"])
@pytest.mark.parametrize("size", [(13, 7), (6, 12), (2, 5), (1, 1)])
@pytest.mark.parametrize("known", [True, False])
def test_bins_follow_the_formula_for_any_size(mode, size, known):
    x = random_maps(2, *size, 3)
    inputs = keras.Input((*(size if known else (None, None)), 3))
    model = keras.Model(inputs, SpatialPyramidPooling((6, 3, 2, 1), mode)(inputs))
    reduce = np.max if mode == "max" else np.mean
    expected = []
    for n in (6, 3, 2, 1):
        for row in range(1, n + 1):
            for column in range(1, n + 1):
                top, bottom = (row - 1) * size[0] // n, math.ceil(row * size[0] / n)
                left, right = (column - 1) * size[1] // n, math.ceil(column * size[1] / n)
                expected.append(reduce(x[:, top:bottom, left:right], axis=(1, 2)))
    expected = np.concatenate(expected, axis=-1)
    assert expected.shape == (2, 50 * 3)
    np.testing.assert_allclose(model.predict(x, verbose=0), expected, atol=1e-6)


def test_sppnet_vector_of_256_maps():
    inputs = keras.Input((None, None, 256))
    assert SpatialPyramidPooling()(inputs).shape == (None, 12_800)


@pytest.mark.parametrize("known", [True, False])
def test_pools_on_litert(known, litert):
    inputs = keras.Input((*((7, 10) if known else (None, None)), 2))
    flat = SpatialPyramidPooling((3, 2, 1))(inputs)
    model = keras.Model(inputs, flat)
    x = random_maps(1, 7, 10, 2)
    np.testing.assert_allclose(litert(model, x)[0], model.predict(x, verbose=0), atol=1e-6)
    spread = keras.Model(inputs, pyramid_pooling(inputs, (1, 2, 3), 4))
    expected = spread.predict(x, verbose=0)
    np.testing.assert_allclose(litert(spread, x)[0], expected, atol=1e-5)


def test_pooling_gradient(gradient_error):
    x = np.random.default_rng(1).normal(size=(1, 5, 4, 1))
    for mode in ("max", "mean"):
        layer = SpatialPyramidPooling((3, 1), mode, dtype="float64")
        assert gradient_error(layer, x) < 1e-8


def test_psp_means_by_hand():
    inputs = keras.Input((4, 4, 1))
    model = keras.Model(inputs, pyramid_pooling(inputs, (1, 2), 1, norm=None, name="psp"))
    for layer in model.layers:
        if isinstance(layer, keras.layers.Conv2D):
            layer.kernel.assign(np.ones((1, 1, 1, 1)))
    x = np.arange(16, dtype="float32").reshape(1, 4, 4, 1)
    prediction = model.predict(x, verbose=0)
    np.testing.assert_allclose(prediction[..., 0], x[..., 0])
    np.testing.assert_allclose(prediction[..., 1], 7.5)
    means = x.reshape(1, 2, 2, 2, 2, 1).mean((2, 4))
    expected = np.array(keras.ops.image.resize(means, (4, 4)))[..., 0]
    np.testing.assert_allclose(prediction[..., 2], expected, rtol=1e-6)


@pytest.mark.parametrize("size", [(16, 24), (13, 7), (5, 1)])
@pytest.mark.parametrize("known", [True, False])
def test_laplacian_pyramid_collapses_to_the_image(size, known):
    x = 100 * random_maps(2, *size, 3)
    inputs = keras.Input((*(size if known else (None, None)), 3))
    bands = LaplacianPyramid(3)(inputs)
    model = keras.Model(inputs, bands)
    prediction = model.predict(x, verbose=0)
    for level, band in enumerate(prediction):
        assert band.shape[1:3] == tuple(math.ceil(side / 2**level) for side in size)
        assert bands[level].shape[1:3] == (band.shape[1:3] if known else (None, None))
    image = prediction[-1]
    for band in reversed(prediction[:-1]):
        image = band + _expand_like(image, band)
    np.testing.assert_allclose(np.array(image), x, atol=1e-4)


def test_laplacian_bands():
    flat = LaplacianPyramid(3)(np.full((1, 13, 10, 1), 7.0, "float32"))
    np.testing.assert_allclose(flat[0], 0, atol=1e-6)
    np.testing.assert_allclose(flat[1], 0, atol=1e-6)
    np.testing.assert_allclose(flat[2], 7, rtol=1e-6)
    point = np.zeros((1, 9, 9, 1), "float32")
    point[0, 4, 4, 0] = 256
    coarse = np.array(LaplacianPyramid(2)(point)[1])[0, :, :, 0]
    # Lines 2, 4, 6 of the blurred point: the taps 1, 6, 1 of [1, 4, 6, 4, 1] / 16.
    np.testing.assert_allclose(coarse[1:4, 1:4], np.outer([1, 6, 1], [1, 6, 1]))
    slope = np.arange(16, dtype="float32").reshape(1, 1, 16, 1) * np.ones((1, 16, 1, 1), "float32")
    band = np.array(LaplacianPyramid(2)(slope)[0])
    np.testing.assert_allclose(band[:, :, 4:-4], 0, atol=1e-5)


def test_laplacian_pyramid_on_litert(litert):
    inputs = keras.Input((None, None, 1))
    bands = LaplacianPyramid(3)(inputs)
    x = random_maps(1, 7, 9, 1)
    for band in bands:
        model = keras.Model(inputs, band)
        np.testing.assert_allclose(litert(model, x)[0], model.predict(x, verbose=0), atol=1e-6)


def test_errors_say_what_would_be_right():
    with pytest.raises(InputError, match="mode must be 'max' or 'mean'"):
        AdaptivePooling(2, "median")
    with pytest.raises(InputError, match="bins must be a whole number of at least 1, not 0"):
        SpatialPyramidPooling((2, 0))
    with pytest.raises(InputError, match="bins must be at least one"):
        SpatialPyramidPooling(())
