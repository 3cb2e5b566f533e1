import keras
import numpy as np
import pytest

from zoo.errors import InputError
from zoo.layers import CropLike, PadToMultiple, ResizeLike, ResizeTo
from zoo.layers.resize import INTERPOLATIONS


def random_maps(*shape):
    return np.random.default_rng(0).normal(size=shape).astype("float32")


def interpolate(x, height, width, kind):
    """Straight from the definition, one pixel at a time."""
    prediction = np.empty((x.shape[0], height, width, x.shape[3]))
    for row, column in np.ndindex(height, width):
        spots = []
        for place, new, old in ((row, height, x.shape[1]), (column, width, x.shape[2])):
            if kind == "bilinear_aligned":
                spot = place * (old - 1) / max(new - 1, 1)
            else:
                spot = (place + 0.5) * old / new - 0.5
            if kind == "nearest":
                spot = np.floor(spot + 0.5)
            spot = np.clip(spot, 0, old - 1)
            low = int(np.floor(spot))
            spots.append((low, min(low + 1, old - 1), spot - low))
        (top, bottom, down), (left, right, across) = spots
        upper = x[:, top, left] * (1 - across) + x[:, top, right] * across
        lower = x[:, bottom, left] * (1 - across) + x[:, bottom, right] * across
        prediction[:, row, column] = upper * (1 - down) + lower * down
    return prediction


@pytest.mark.parametrize("kind", INTERPOLATIONS)
@pytest.mark.parametrize("size", [(9, 4), (3, 10), (1, 1), (5, 7)])
def test_resizing_follows_its_definition(kind, size):
    x = random_maps(2, 5, 7, 3)
    expected = interpolate(x, *size, kind)
    np.testing.assert_allclose(np.array(ResizeTo(*size, kind)(x)), expected, atol=1e-5)
    maps, reference = keras.Input((None, None, 3)), keras.Input((None, None, 1))
    model = keras.Model([maps, reference], ResizeLike(kind)([maps, reference]))
    prediction = model.predict([x, random_maps(2, *size, 1)], verbose=0)
    np.testing.assert_allclose(prediction, expected, atol=1e-5)


@pytest.mark.parametrize("kind", INTERPOLATIONS)
def test_resize_like_on_litert(kind, litert):
    maps = keras.Input((None, None, 3), name="a_maps")
    reference = keras.Input((None, None, 1), name="b_reference")
    model = keras.Model([maps, reference], ResizeLike(kind)([maps, reference]))
    arrays = random_maps(1, 4, 5, 3), random_maps(1, 9, 7, 1)
    expected = model.predict(list(arrays), verbose=0)
    np.testing.assert_allclose(litert(model, *arrays)[0], expected, atol=1e-5)


def test_resizing_keeps_the_dtype():
    labels = np.arange(12, dtype="int32").reshape(1, 3, 4, 1)
    grown = np.array(ResizeTo(6, 8, "nearest")(labels))
    assert grown.dtype == np.int32
    np.testing.assert_array_equal(grown[:, ::2, ::2], labels)
    half = ResizeTo(6, 8, dtype="mixed_float16")(random_maps(1, 3, 4, 1).astype("float16"))
    assert keras.backend.standardize_dtype(half.dtype) == "float16"


MODES = {"reflect": "reflect", "symmetric": "symmetric", "edge": "edge", "zero": "constant"}


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("position", ["end", "center"])
@pytest.mark.parametrize("known", [True, False])
@pytest.mark.parametrize("size", [(5, 7), (8, 16), (2, 3)])
def test_padding_and_cropping_back(mode, position, known, size):
    x = random_maps(2, *size, 3)
    inputs = keras.Input((*(size if known else (None, None)), 3))
    padded = PadToMultiple(8, mode, position)(inputs)
    model = keras.Model(inputs, [padded, CropLike(position)([padded, inputs])])
    padded, cropped = model.predict(x, verbose=0)
    widths = [(0, 0)]
    for side in size:
        total = -side % 8
        before = total // 2 if position == "center" else 0
        widths.append((before, total - before))
    np.testing.assert_array_equal(padded, np.pad(x, [*widths, (0, 0)], MODES[mode]))
    np.testing.assert_array_equal(cropped, x)


def test_a_single_line_can_be_padded_in_every_mode():
    x = random_maps(1, 1, 1, 2)
    for mode in MODES:
        padded = np.array(PadToMultiple(4, mode)(x))
        expected = np.zeros((1, 4, 4, 2), "float32") if mode == "zero" else np.tile(x, (1, 4, 4, 1))
        expected[:, 0, 0] = x[:, 0, 0]
        np.testing.assert_array_equal(padded, expected)


def test_padding_keeps_pixels_as_they_are():
    pixels = keras.Input((None, None, 3), dtype="uint8")
    padded = PadToMultiple(4, dtype="mixed_float16")(pixels)
    assert padded.dtype == "uint8"
    x = np.random.default_rng(0).integers(0, 255, (1, 5, 4, 3)).astype("uint8")
    prediction = keras.Model(pixels, padded).predict(x, verbose=0)
    assert prediction.dtype == np.uint8
    np.testing.assert_array_equal(prediction[:, :5], x)


@pytest.mark.parametrize("mode", MODES)
def test_padding_on_litert(mode, litert):
    inputs = keras.Input((None, None, 3))
    padded = PadToMultiple(4, mode, "center")(inputs)
    model = keras.Model(inputs, CropLike("center")([padded * 2.0, inputs]) + 0 * inputs)
    shown = keras.Model(inputs, padded)
    x = random_maps(1, 5, 7, 3)
    np.testing.assert_array_equal(litert(model, x)[0], 2 * x)
    np.testing.assert_array_equal(litert(shown, x)[0], shown.predict(x, verbose=0))


def test_batch_normalization_stays_in_inference_behind_these_layers():
    inputs = keras.Input((None, None, 2))
    x = PadToMultiple(4)(inputs)
    x = ResizeTo(6, 6)(x)
    normalization = keras.layers.BatchNormalization()
    model = keras.Model(inputs, CropLike()([normalization(x), inputs]))
    x = 5 + random_maps(2, 5, 5, 2)
    np.testing.assert_allclose(np.array(model(x)), model.predict(x, verbose=0), atol=1e-6)
    np.testing.assert_array_equal(normalization.moving_mean, 0)


def test_errors_say_what_would_be_right():
    with pytest.raises(InputError, match="must be 'bilinear', 'bilinear_aligned' or 'nearest'"):
        ResizeTo(4, 4, "cubic")
    with pytest.raises(InputError, match="must be 'reflect', 'symmetric', 'edge' or 'zero'"):
        PadToMultiple(4, "mirror")
    with pytest.raises(InputError, match="position must be 'end' or 'center'"):
        CropLike("middle")
    with pytest.raises(InputError, match="as large as the reference, 5×4, not 4×4"):
        CropLike()([keras.Input((4, 4, 1)), keras.Input((5, 4, 1))])
    with pytest.raises(InputError, match=r"inputs must be \[maps, reference\]"):
        ResizeLike()(keras.Input((4, 4, 1)))
