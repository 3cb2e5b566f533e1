import keras
import numpy as np
import pytest

from zoo.catalog import card
from zoo.errors import InputError
from zoo.flops import count_flops
from zoo.segmentation import patch_classifier
from zoo.segmentation.patch_classifier_model import patch_size

SMALL = {"num_classes": 3, "conv_filters": (2, 3, 4)}


def test_parameters_add_up_from_the_table():
    kernels = 49 * 3 * 16 + 49 * 16 * 64 + 49 * 64 * 256 + 256 * 33
    assert card("patch_classifier").parameters()["stored"] == kernels + 16 + 64 + 256 + 33
    assert card("patch_classifier").expected_parameters == kernels + 369


def test_patch_of_the_papers_layers_is_46():
    assert patch_size(3, 7) == 46
    assert patch_size(1, 5) == 5
    assert patch_size(2, 3) == 8


def with_moved_weights(model):
    rng = np.random.default_rng(1)
    model.set_weights([w + rng.normal(0, 0.05, w.shape) for w in model.get_weights()])
    return model


@pytest.mark.parametrize(
    "settings",
    [
        {"kernel_size": 7, "norm": "none"},
        {"kernel_size": 3, "norm": "batch", "hidden_units": 5},
        {"kernel_size": 4, "norm": "frozen", "conv_filters": (2, 3, 4, 5)},
    ],
)
def test_dense_implementation_equals_separate_patches(settings):
    settings = {**SMALL, **settings}
    dense = with_moved_weights(patch_classifier(**settings))
    literal = patch_classifier(**settings, implementation="patches")
    literal.set_weights(dense.get_weights())
    image = np.random.default_rng(0).uniform(0, 255, (2, 7, 9, 3)).astype("float32")
    expected = np.array(literal(image)["segmentation"])
    assert expected.shape == (2, 7, 9, 3)
    assert np.ptp(expected, axis=(1, 2)).min() > 1e-3
    np.testing.assert_allclose(dense(image)["segmentation"], expected, atol=1e-5)


@pytest.mark.parametrize("kernel_size", [3, 7])
def test_receptive_field_of_the_dense_implementation_is_the_patch(kernel_size):
    model = patch_classifier(**SMALL, kernel_size=kernel_size, norm="none")
    # With positive weights a brighter pixel changes every prediction whose patch contains it.
    for layer in model.layers:
        if isinstance(layer, keras.layers.Conv2D):
            kernel, bias = layer.get_weights()
            layer.set_weights([np.full_like(kernel, 0.05), np.zeros_like(bias)])
    image = np.full((1, 121, 121, 3), 127.5, "float32")
    assert np.abs(model(image)["segmentation"]).max() == 0
    image[0, 60, 60] = 255
    moved = np.argwhere(np.array(model(image)["segmentation"])[0, ..., 0] > 0)
    patch = patch_size(3, kernel_size)
    # The patch of pixel p spans p − patch // 2 … p + (patch − 1 − patch // 2).
    first, last = 60 - (patch - 1 - patch // 2), 60 + patch // 2
    assert moved.min(axis=0).tolist() == [first, first]
    assert moved.max(axis=0).tolist() == [last, last]
    assert len(moved) == patch**2


def test_patches_implementation_trains():
    model = patch_classifier(**SMALL, kernel_size=3, implementation="patches")
    model.compile(keras.optimizers.Adam(1e-2), run_eagerly=True)
    images = np.zeros((1, 6, 8, 3), "float32")
    images[:, :, 4:] = 255
    truth = {"segmentation": (images[..., 0] > 0).astype("int32")}
    losses = [model.train_on_batch(images, truth)[0] for _ in range(8)]
    assert losses[-1] < losses[0]


def test_dense_implementation_has_fewer_flops():
    settings = {**SMALL, "input_shape": (20, 30, 3)}
    literal = count_flops(patch_classifier(**settings, implementation="patches"))
    first = 40 * 40 * 49 * 3 * 2
    second = 14 * 14 * 49 * 2 * 3
    rest = 49 * 3 * 4 + 4 * 3
    assert literal == 2 * 20 * 30 * (first + second + rest)
    assert literal > 50 * count_flops(patch_classifier(**settings))


def test_wrong_input():
    with pytest.raises(InputError, match="'dense' or 'patches'"):
        patch_classifier(implementation="windows")
    with pytest.raises(InputError, match="at least 1"):
        patch_classifier(conv_filters=())
    with pytest.raises(InputError, match="at least 1"):
        patch_classifier(kernel_size=0)
