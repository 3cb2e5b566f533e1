import keras
import numpy as np
import pytest

from zoo.errors import InputError
from zoo.layers import PadBorder, PadToGrid, ResizeLike


def make_images(*shape):
    return np.random.default_rng(0).normal(size=shape).astype("float32")


@pytest.mark.parametrize("mode", ["reflect", "symmetric", "edge", "zero"])
@pytest.mark.parametrize("size", [(5, 9), (2, 3), (1, 4)])
@pytest.mark.parametrize("known", [True, False])
def test_border_is_numpys_even_where_it_is_wider_than_the_image(mode, size, known):
    x = make_images(2, *size, 3)
    inputs = keras.Input((*(size if known else (None, None)), 3))
    model = keras.Model(inputs, PadBorder(7, 4, mode)(inputs))
    expected = np.pad(
        x, [(0, 0), (7, 4), (7, 4), (0, 0)], mode="constant" if mode == "zero" else mode
    )
    np.testing.assert_array_equal(model.predict(x, verbose=0), expected)


@pytest.mark.parametrize("size", [(33, 17), (20, 32), (34, 1), (3, 8)])
@pytest.mark.parametrize("known", [True, False])
def test_grid_puts_strided_maps_back_on_their_pixels(size, known):
    """A ramp sampled by four strided convolutions comes back as the ramp it was."""
    stride = 16
    inputs = keras.Input((*(size if known else (None, None)), 1))
    padded = PadToGrid(stride)(inputs)
    x, tap = padded, np.zeros((3, 3, 1, 1), "float32")
    tap[1, 1] = 1
    for _ in range(4):
        conv = keras.layers.Conv2D(1, 3, 2, padding="same", use_bias=False)
        x = conv(x)
        conv.set_weights([tap])
    back = ResizeLike("bilinear_aligned")([x, padded])
    model = keras.Model(inputs, [padded, x, back])
    height, width = (-(-(s - 1) // stride) * stride + 1 for s in size)
    ramp = np.arange(height)[:, None] + 2.0 * np.arange(width)
    image = ramp[None, :, :, None].astype("float32")
    sides = (height, width)
    padded_out, strided, _ = model.predict(image[:, : size[0], : size[1]], verbose=0)
    assert padded_out.shape[1:3] == sides
    assert strided.shape[1:3] == tuple((s - 1) // stride + 1 for s in sides)
    np.testing.assert_array_equal(strided, padded_out[:, ::stride, ::stride])
    if not known or size == sides:
        _, _, again = model.predict(image, verbose=0)
        np.testing.assert_allclose(again, image, atol=1e-4)


def test_layers_survive_saving():
    for layer in (PadBorder(3, 2, "edge"), PadToGrid(8)):
        again = type(layer).from_config(layer.get_config())
        x = make_images(1, 5, 6, 2)
        np.testing.assert_array_equal(np.array(again(x)), np.array(layer(x)))


def test_wrong_settings():
    with pytest.raises(InputError, match="at least 0"):
        PadBorder(-1)
    with pytest.raises(InputError, match="mode"):
        PadBorder(1, mode="wrap")
    with pytest.raises(InputError, match="at least 1"):
        PadToGrid(0)
