import numpy as np
import pytest

import zoo
from zoo.errors import InputError
from zoo.segmentation.encoder_decoder_model import UPSAMPLINGS

# [[1, 2], [3, 4]] made 4×4; a transposed convolution of ones with pad 1 and output padding 1.
DOUBLED = {
    "nearest": ["1122", "1122", "3344", "3344"],
    "bed_of_nails": ["1020", "0000", "3040", "0000"],
    "bilinear": [
        [1, 1.25, 1.75, 2],
        [1.5, 1.75, 2.25, 2.5],
        [2.5, 2.75, 3.25, 3.5],
        [3, 3.25, 3.75, 4],
    ],
    "transpose": [[1, 3, 2, 2], [4, 10, 6, 6], [3, 7, 4, 4], [3, 7, 4, 4]],
}


def build(upsampling, **arguments):
    return zoo.card("encoder_decoder").build_tiny(upsampling=upsampling, **arguments)


def test_variants_differ_in_the_upsampling_alone():
    shapes = {
        kind: {w.path: w.shape for w in build(kind).weights if "double" not in w.path}
        for kind in UPSAMPLINGS
    }
    assert len(UPSAMPLINGS) == 5
    assert all(shapes[kind] == shapes["nearest"] for kind in UPSAMPLINGS)
    extra = {kind: build(kind).count_params() - build("nearest").count_params() for kind in shapes}
    assert extra.pop("transpose") == (8 * 8 * 9 + 8) + (16 * 16 * 9 + 16)
    assert set(extra.values()) == {0}


@pytest.mark.parametrize("kind", UPSAMPLINGS)
def test_each_variant_predicts_at_the_size_of_the_image(kind):
    image = np.random.default_rng(0).integers(0, 255, (2, 21, 34, 3)).astype("uint8")
    prediction = np.array(build(kind)(image)["segmentation"])
    assert prediction.shape == (2, 21, 34, 3)
    assert np.isfinite(prediction).all() and prediction.std() > 0


@pytest.mark.parametrize("kind", sorted(DOUBLED))
def test_upsampling_layer_of_each_variant(kind):
    layer = build(kind).get_layer("double1")
    if kind == "transpose":
        kernel = np.zeros(layer.kernel.shape)
        kernel[:, :, 0, 0] = 1
        layer.kernel.assign(kernel)
    maps = np.zeros((1, 2, 2, 8), "float32")
    maps[0, :, :, 0] = [[1, 2], [3, 4]]
    expected = np.array([[float(v) for v in row] for row in DOUBLED[kind]])
    np.testing.assert_allclose(np.array(layer(maps))[0, :, :, 0], expected)


def test_max_unpool_restores_positions_of_the_maxima():
    import keras

    model = build("max_unpool")
    names = ["down1_2_act", "pool1", "double1"]
    pooled = model.get_layer("pool1").output[0]
    inner = keras.Model(
        model.input,
        [model.get_layer(names[0]).output, pooled, model.get_layer("double1").output],
    )
    image = np.random.default_rng(0).integers(0, 255, (1, 16, 16, 3)).astype("float32")
    before, pooled, doubled = (np.array(x) for x in inner(image))
    windows = doubled.reshape(1, 8, 2, 8, 2, 8)
    assert ((windows != 0).sum(axis=(2, 4)) <= 1).all()
    filled = doubled != 0
    assert filled.any()
    at_maxima = np.repeat(np.repeat(pooled, 2, axis=1), 2, axis=2) == before
    assert at_maxima[filled].all()


def test_unknown_upsampling_names_the_nearest():
    with pytest.raises(InputError, match="did you mean 'nearest'"):
        zoo.build("encoder_decoder", upsampling="nearst")
    with pytest.raises(InputError, match="at least 1"):
        zoo.build("encoder_decoder", depth=0)


def test_parameters_of_the_layer_table():
    def convolution(inputs, outputs):
        return inputs * outputs * 9 + outputs

    widths, total, before = [64, 128, 256, 512], 0, 3
    for width in widths:
        total += convolution(before, width) + convolution(width, width) + 2 * 4 * width
        before = width
    for width, after in zip(widths[::-1], [256, 128, 64, 64], strict=True):
        total += convolution(width, width)  # the transposed convolution
        total += convolution(width, width) + convolution(width, after) + 4 * (width + after)
    # A convolution before a normalization has no bias.
    total -= sum(2 * w for w in widths) + sum(widths) + sum([256, 128, 64, 64])
    total += 64 * 21 + 21
    assert zoo.card("encoder_decoder").parameters()["stored"] == total
    assert zoo.card("encoder_decoder").expected_parameters == total
