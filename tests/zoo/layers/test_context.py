import keras
import numpy as np
import pytest

from zoo.errors import InputError
from zoo.layers.context import ContextIdentity, context_module

DILATIONS = (1, 1, 2, 4, 8, 16, 1)


def module(classes, form="basic", **arguments):
    inputs = keras.Input((None, None, classes))
    return keras.Model(inputs, context_module(inputs, form, **arguments))


def scores(*shape):
    return np.random.default_rng(0).uniform(0, 9, shape).astype("float32")


@pytest.mark.parametrize(
    ("form", "widths", "parameters"),
    [("basic", [1] * 8, 28_392), ("large", [2, 2, 4, 8, 16, 32, 32, 1], 6_803_139)],
)
def test_layers_are_the_papers(form, widths, parameters):
    model = module(21, form)
    convolutions = [x for x in model.layers if isinstance(x, keras.layers.Conv2D)]
    assert [layer.filters for layer in convolutions] == [21 * width for width in widths]
    assert [layer.dilation_rate[0] for layer in convolutions] == [*DILATIONS, 1]
    assert [layer.kernel_size[0] for layer in convolutions] == [3] * 7 + [1]
    assert model.count_params() == parameters
    assert model.output_shape == (None, None, None, 21)
    assert sum(isinstance(x, keras.layers.Activation) for x in model.layers) == 7


def test_basic_form_starts_as_the_identity_for_scores_above_zero():
    x = scores(2, 11, 14, 5)
    np.testing.assert_array_equal(module(5)(x), x)
    np.testing.assert_array_equal(module(5)(x - 4), np.maximum(x - 4, 0))


def test_large_form_starts_near_the_identity():
    x = scores(1, 9, 12, 3)
    np.testing.assert_allclose(module(3, "large", deviation=0.0)(x), x, rtol=1e-5)
    keras.utils.set_random_seed(0)
    near = np.array(module(3, "large")(x))
    assert not np.array_equal(near, x)
    assert np.abs(near - x).mean() < 0.05 * x.mean()


@pytest.mark.parametrize(("c_in", "c_out"), [(3, 6), (6, 6), (6, 12), (12, 3)])
def test_identity_kernel_follows_the_formula(c_in, c_out):
    classes, deviation = 3, 0.01
    kernel = np.array(ContextIdentity(classes, deviation, seed=1)((3, 3, c_in, c_out)))
    gain = classes / c_out
    noise = []
    for row, column, a, b in np.ndindex(kernel.shape):
        value = kernel[row, column, a, b]
        if (row, column) == (1, 1) and a * classes // c_in == b * classes // c_out:
            assert value == np.float32(gain)
        else:
            noise.append(value)
    assert np.std(noise) == pytest.approx(deviation * gain, rel=0.3)
    assert np.abs(noise).max() < 0.1 * gain


def test_receptive_field_is_67():
    model = module(1)
    for layer in model.layers:
        if isinstance(layer, keras.layers.Conv2D):
            layer.set_weights([np.ones_like(layer.get_weights()[0]), np.zeros(1)])
    x = np.zeros((1, 101, 101, 1), "float32")
    x[0, 50, 50] = 1
    reached = np.argwhere(np.array(model(x))[0, ..., 0] > 0)
    assert reached.min(axis=0).tolist() == [50 - 33] * 2
    assert reached.max(axis=0).tolist() == [50 + 33] * 2


def test_more_dilations_for_larger_images():
    model = module(4, dilations=(1, 1, 2, 4, 8, 16, 32, 64, 1))
    x = scores(1, 6, 7, 4)
    np.testing.assert_array_equal(model(x), x)


def test_initializer_survives_saving():
    made = ContextIdentity(2, 0.02, seed=5)
    again = ContextIdentity.from_config(made.get_config())
    np.testing.assert_array_equal(made((3, 3, 4, 4)), again((3, 3, 4, 4)))


def test_wrong_settings():
    with pytest.raises(InputError, match="form must be 'basic' or 'large'"):
        module(2, "huge")
    with pytest.raises(InputError, match="dilations must be 7 numbers"):
        module(2, "large", dilations=(1, 2))
    with pytest.raises(InputError, match="at least 1"):
        module(2, dilations=(1, 0))
    with pytest.raises(InputError, match="multiples of the 3"):
        ContextIdentity(3)((3, 3, 3, 4))
