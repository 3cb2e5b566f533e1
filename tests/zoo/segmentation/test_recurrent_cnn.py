import keras
import numpy as np
import pytest

from zoo.catalog import card
from zoo.errors import InputError
from zoo.losses import CrossEntropy
from zoo.segmentation import recurrent_cnn

SMALL = {"num_classes": 2, "conv_filters": (2, 2), "norm": "none"}


def make_image(*shape):
    return np.random.default_rng(0).uniform(0, 255, shape).astype("float32")


def test_parameters_add_up_from_the_table():
    kernels = 64 * (3 + 33) * 25 + 64 * 25 * 50 + 50 * 33
    assert card("recurrent_cnn").parameters()["stored"] == kernels + 25 + 50 + 33


def influence(model, width=224):
    """Returns the number of input columns that change an output pixel."""
    for layer in model.layers:
        if isinstance(layer, keras.layers.Conv2D):
            kernel, bias = layer.get_weights()
            layer.set_weights([np.full_like(kernel, 0.01), np.zeros_like(bias)])
    images = np.full((width, 16, width, 3), 127.5, "float32")
    images[np.arange(width), 8, np.arange(width)] = 255
    predictions = model.predict(images, batch_size=32, verbose=0)["segmentation"]
    return int((np.abs(predictions[:, 8, width // 2, 0]) > 0).sum())


def test_context_grows_with_the_passes_and_weights_do_not():
    models = [recurrent_cnn(**SMALL, passes=passes) for passes in (1, 2, 3)]
    assert len({model.count_params() for model in models}) == 1
    # Two convolutions of 8 and a pooling cover 23 pixels; each pass scales that by its stride.
    fields = [23, 23 + 2 * 22, 23 + 2 * 22 + 4 * 22]
    # Resizing interpolates between two cells that are one stride apart.
    assert [influence(model) for model in models] == [
        field + 2**passes for passes, field in enumerate(fields, start=1)
    ]


def test_second_pass_takes_the_smaller_image_and_the_first_logits():
    model = recurrent_cnn(**SMALL)
    taps = ["pass1_input", "pass2_input", "pass2_act2"]
    probe = keras.Model(model.input, [model.get_layer(name).output for name in taps])
    x = make_image(1, 16, 24, 3)
    start, again, end = probe(x)
    assert start.shape == (1, 16, 24, 5) and again.shape == (1, 8, 12, 5)
    np.testing.assert_allclose(start[..., :3], x / 127.5 - 1, atol=1e-6)
    assert np.abs(start[..., 3:]).max() == 0

    def network(maps):
        maps = keras.ops.tanh(model.get_layer("conv1")(maps))
        return keras.ops.tanh(model.get_layer("conv2")(keras.ops.max_pool(maps, 2)))

    shrunk = (x / 127.5 - 1).reshape(1, 8, 2, 12, 2, 3).mean(axis=(2, 4))
    first = model.get_layer("logits")(network(start))
    np.testing.assert_allclose(again, np.concatenate([shrunk, first], axis=-1), atol=1e-5)
    np.testing.assert_allclose(end, network(again), atol=1e-5)


def test_losses_of_all_passes_are_summed():
    model = recurrent_cnn(**SMALL, passes=3)
    assert set(model.output) == {"auxiliary1", "auxiliary2", "segmentation"}
    model.compile(run_eagerly=True)
    x, truth = make_image(2, 16, 16, 3), np.random.default_rng(0).integers(0, 2, (2, 16, 16))
    total = model.evaluate(x, {"segmentation": truth}, verbose=0, return_dict=True)["loss"]
    terms = [float(CrossEntropy()(truth, y)) for y in model.predict(x, verbose=0).values()]
    assert total == pytest.approx(sum(terms), rel=1e-5)
    assert len(set(terms)) == 3


def test_without_loss_on_the_earlier_passes():
    model = recurrent_cnn(**SMALL, auxiliary_weight=0.0)
    assert set(model.output) == {"segmentation"}


def test_wrong_input():
    with pytest.raises(InputError, match="at least 1"):
        recurrent_cnn(passes=0)
    with pytest.raises(InputError, match="auxiliary_weight"):
        recurrent_cnn(auxiliary_weight=-0.5)
