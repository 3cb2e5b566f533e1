import keras
import numpy as np
import pytest

from zoo.abstract_build import build_abstract
from zoo.catalog import card
from zoo.errors import InputError
from zoo.flops import count_flops
from zoo.segmentation import farabet_multiscale

PUBLISHED = card("farabet_multiscale").published
SMALL = {"num_classes": 3, "conv_filters": (2, 3, 4), "kernel_size": 3, "norm": "none"}


def convolutions(model):
    return [layer for layer in model.layers if isinstance(layer, keras.layers.Conv2D)]


def test_parameters_add_up_from_the_table():
    kernels = 49 * 3 * 16 + 49 * 16 * 64 + 49 * 64 * 256 + 3 * 256 * 33
    assert card("farabet_multiscale").parameters()["stored"] == kernels + 16 + 64 + 256 + 33


def test_features_of_three_scales_are_concatenated():
    model = build_abstract(
        lambda: farabet_multiscale(**{**PUBLISHED, "input_shape": (240, 320, 3)})
    )
    for scale, side in ((1, (60, 80)), (2, (30, 40)), (3, (15, 20))):
        assert model.get_layer(f"scale{scale}_act3").output.shape[1:] == (*side, 256)
    assert model.get_layer("features").output.shape[1:] == (60, 80, 768)
    assert model.output["segmentation"].shape[1:] == (240, 320, 33)


@pytest.mark.parametrize("norm", ["none", "batch"])
def test_scales_add_no_convolution(norm):
    one, three = (farabet_multiscale(**{**SMALL, "norm": norm}, num_scales=n) for n in (1, 3))
    names = [layer.name for layer in convolutions(three)]
    assert names == [layer.name for layer in convolutions(one)]
    assert names == ["conv1", "conv2", "conv3", "logits"]
    shapes = [
        [w.shape for layer in convolutions(model)[:-1] for w in layer.weights]
        for model in (one, three)
    ]
    assert shapes[0] == shapes[1]
    normalizations = [layer for layer in three.layers if "_norm" in layer.name]
    assert len(normalizations) == (9 if norm == "batch" else 0)


def test_every_scale_is_the_same_network_on_its_band():
    model = farabet_multiscale(**SMALL, num_scales=2, local_norm_size=None)
    bands = model.get_layer("pyramid").output
    ends = [model.get_layer(f"scale{scale}_act3").output for scale in (1, 2)]
    probe = keras.Model(model.input, [*bands, *ends])
    image = np.random.default_rng(0).uniform(0, 255, (1, 16, 24, 3)).astype("float32")
    fine, coarse, *found = probe(image)
    assert coarse.shape[1:3] == (8, 12)
    for band, features in zip((fine, coarse), found, strict=True):
        x = band
        for number in (1, 2, 3):
            x = keras.ops.tanh(model.get_layer(f"conv{number}")(x))
            x = keras.ops.max_pool(x, 2) if number < 3 else x
        np.testing.assert_allclose(features, x, atol=1e-6)
        assert np.ptp(np.array(x)) > 0


def test_flops_count_every_use_of_the_shared_network():
    settings = {**SMALL, "input_shape": (16, 32, 3)}
    per_pixel = 9 * 3 * 2 + 9 * 2 * 3 / 4 + 9 * 3 * 4 / 16
    pixels = 16 * 32 * (1 + 1 / 4 + 1 / 16)
    logits = 4 * 8 * 3 * 4 * 3
    assert count_flops(farabet_multiscale(**settings)) == 2 * (per_pixel * pixels + logits)


def test_logits_do_not_depend_on_brightness():
    """Every band is normalized locally."""
    model = farabet_multiscale(**SMALL, local_norm_size=5)
    image = np.random.default_rng(0).uniform(60, 120, (1, 32, 32, 3)).astype("float32")
    first, second = (np.array(model(x)["segmentation"]) for x in (image, image + 80))
    assert np.ptp(first) > 1e-3
    np.testing.assert_allclose(first, second, atol=1e-4)


def test_wrong_input():
    with pytest.raises(InputError, match="at least 1"):
        farabet_multiscale(num_scales=0)
    with pytest.raises(InputError, match="at least 1"):
        farabet_multiscale(conv_filters=())
    with pytest.raises(InputError, match="odd"):
        farabet_multiscale(local_norm_size=4)
