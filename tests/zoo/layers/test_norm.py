import keras
import numpy as np
import pytest

from zoo.errors import InputError
from zoo.layers.normalization_policy import (
    NORM_POLICIES,
    FrozenBatchNormalization,
    normalization,
    normalizes,
)


def model_with(policy, channels=4):
    inputs = keras.Input((None, None, channels))
    return keras.Model(inputs, normalization(policy, "the_norm")(inputs * 1.0))


@pytest.mark.parametrize("policy", [*NORM_POLICIES, None])
def test_every_policy_keeps_the_shape_and_reloads(policy, tmp_path):
    model = model_with(policy)
    x = np.random.default_rng(0).normal(3, 2, size=(2, 5, 6, 4)).astype("float32")
    prediction = model.predict(x, verbose=0)
    assert prediction.shape == x.shape
    assert normalizes(policy) == (len(model.weights) > 0)
    model.save(tmp_path / "norm.keras")
    again = keras.saving.load_model(tmp_path / "norm.keras")
    np.testing.assert_array_equal(again.predict(x, verbose=0), prediction)
    assert [type(layer) for layer in again.layers] == [type(layer) for layer in model.layers]


def test_batch_policy_uses_and_keeps_the_statistics_of_the_batch():
    layer = normalization("batch", momentum=0.5)
    x = np.random.default_rng(1).normal(3, 2, size=(4, 5, 5, 2)).astype("float32")
    prediction = np.array(layer(x, training=True))
    np.testing.assert_allclose(prediction.mean((0, 1, 2)), 0, atol=1e-4)
    np.testing.assert_allclose(layer.moving_mean, x.mean((0, 1, 2)) / 2, rtol=1e-4)


def test_frozen_policy_never_learns():
    model = model_with("frozen")
    model.trainable = True
    layer = model.get_layer("the_norm")
    layer.moving_mean.assign([1.0, 2.0, 3.0, 4.0])
    assert model.trainable_variables == [] and layer.trainable_weights == []
    assert len(model.non_trainable_variables) == 4
    x = np.random.default_rng(2).normal(3, 2, size=(2, 3, 3, 4)).astype("float32")
    before = [np.array(w) for w in model.weights]
    training = np.array(model(x, training=True))
    np.testing.assert_allclose(training, (x - [1, 2, 3, 4]) / np.sqrt(1.001), rtol=1e-5)
    for old, new in zip(before, model.weights, strict=True):
        np.testing.assert_array_equal(old, new)


def test_frozen_layer_in_training_changes_only_the_others():
    inputs = keras.Input((4, 4, 2))
    x = keras.layers.Conv2D(3, 1, name="conv")(inputs)
    x = normalization("frozen", "frozen")(x)
    model = keras.Model(inputs, keras.layers.GlobalAveragePooling2D()(x))
    model.compile("sgd", "mse")
    before = [np.array(w) for w in model.get_layer("frozen").weights]
    kernel = np.array(model.get_layer("conv").kernel)
    model.fit(np.ones((4, 4, 4, 2)), np.ones((4, 3)), epochs=2, verbose=0)
    for old, new in zip(before, model.get_layer("frozen").weights, strict=True):
        np.testing.assert_array_equal(old, new)
    assert np.abs(np.array(model.get_layer("conv").kernel) - kernel).max() > 0


def test_weights_move_between_batch_and_frozen(tmp_path):
    one, two = model_with("batch"), model_with("frozen")
    rng = np.random.default_rng(3)
    one.set_weights([rng.uniform(0.5, 2, w.shape) for w in one.weights])
    one.save_weights(tmp_path / "batch.weights.h5")
    two.load_weights(tmp_path / "batch.weights.h5")
    x = rng.normal(size=(1, 2, 2, 4)).astype("float32")
    np.testing.assert_allclose(one.predict(x, verbose=0), two.predict(x, verbose=0), rtol=1e-6)
    assert isinstance(two.get_layer("the_norm"), FrozenBatchNormalization)


@pytest.mark.parametrize(("channels", "groups"), [(48, 16), (64, 32), (7, 1), (32, 32)])
def test_group_policy_fits_its_groups_to_the_channels(channels, groups):
    layer = normalization("group")
    x = np.random.default_rng(4).normal(2, 3, size=(2, 4, 5, channels)).astype("float32")
    prediction = np.array(layer(x)).reshape(2, 4, 5, groups, -1)
    assert layer.groups == groups
    np.testing.assert_allclose(prediction.mean((1, 2, 4)), 0, atol=1e-4)
    np.testing.assert_allclose(prediction.std((1, 2, 4)), 1, atol=1e-2)
    assert type(layer).from_config(layer.get_config()).max_groups == 32


def test_unknown_policy_names_the_known_ones():
    with pytest.raises(
        InputError, match="norm must be 'batch', 'frozen', 'group', 'sync' or 'none'"
    ):
        normalization("layer")
