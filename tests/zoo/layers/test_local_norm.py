import keras
import numpy as np
import pytest

from zoo.errors import InputError
from zoo.layers.local_contrast import LocalNormalization, ToYUV


def maps(*shape):
    return np.random.default_rng(0).uniform(-1, 1, shape).astype("float32")


def neighborhood_mean(x, size):
    reach, out = size // 2, np.empty_like(x)
    for i, j in np.ndindex(x.shape[1:3]):
        rows, columns = (slice(max(0, k - reach), k + reach + 1) for k in (i, j))
        out[:, i, j] = x[:, rows, columns].mean(axis=(1, 2))
    return out


@pytest.mark.parametrize("size", [3, 7])
@pytest.mark.parametrize("shape", [(9, 12), (4, 3)])
def test_mean_and_deviation_of_the_neighborhood(size, shape):
    x = maps(2, *shape, 3)
    inputs = keras.Input((None, None, 3))
    found = keras.Model(inputs, LocalNormalization(size)(inputs))(x)
    centered = x - neighborhood_mean(x, size)
    deviation = np.sqrt(neighborhood_mean(centered**2, size))
    np.testing.assert_allclose(found, centered / np.maximum(deviation, 0.05), atol=1e-4)


def test_brightness_and_contrast_do_not_matter():
    x = maps(1, 20, 20, 1)
    layer = LocalNormalization(5)
    np.testing.assert_allclose(layer(3 * x + 0.5), layer(x), atol=1e-4)
    np.testing.assert_allclose(layer(np.full((1, 8, 8, 1), 0.7, "float32")), 0, atol=1e-5)


def test_half_precision_keeps_the_fractions():
    x = maps(1, 16, 16, 2) * 0.1
    half = LocalNormalization(5, dtype="mixed_float16")(x)
    assert half.dtype == "float16"
    np.testing.assert_allclose(half, LocalNormalization(5)(x), atol=5e-3)


def test_yuv_of_known_colors():
    colors = np.array([[1, 1, 1], [0.3, 0.3, 0.3], [1, 0, 0], [0, 0, 1]], "float32")
    found = np.array(ToYUV()(colors[None, None]))[0, 0]
    np.testing.assert_allclose(found[:2], [[1, 0, 0], [0.3, 0, 0]], atol=1e-6)
    assert found[2, 2] == pytest.approx(0.5)
    assert found[3, 1] == pytest.approx(0.5)
    assert found[2, 0] > found[3, 0] > 0


def test_wrong_settings():
    with pytest.raises(InputError, match="size must be odd, not 4"):
        LocalNormalization(4)
    with pytest.raises(InputError, match="above 0"):
        LocalNormalization(3, floor=0.0)
    with pytest.raises(InputError, match="channels must be 3"):
        ToYUV()(keras.Input((4, 4, 1)))
