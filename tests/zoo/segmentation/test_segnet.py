import keras
import numpy as np
import pytest

import zoo
from zoo.errors import InputError


def test_published_parameters():
    assert zoo.card("segnet").parameters() == {"trainable": 29_449_355, "stored": 29_465_227}
    assert zoo.card("segnet").expected_parameters == 29_465_227


@pytest.mark.parametrize("name", ["segnet", "deconvnet"])
def test_use_bias(name):
    def biased(**arguments):
        layers = zoo.card(name).build_tiny(**arguments).layers
        return {layer.name for layer in layers if getattr(layer, "use_bias", False)}

    unnormalized = {"logits"}
    if name == "deconvnet":
        unnormalized |= {"fc6_conv", "fc7_conv", "deconv_fc6"}
    assert biased() == unnormalized
    assert biased(norm="none") == biased(use_bias=True) > unnormalized


def test_parameters_of_the_basic_layer_table():
    convolutions = 49 * (3 * 64 + 7 * 64 * 64) + 64 * 11 + 11
    norms = 8 * 64
    card = zoo.card("segnet_basic")
    assert card.parameters() == {
        "trainable": convolutions + 2 * norms,
        "stored": convolutions + 4 * norms,
    }
    assert card.expected_parameters == convolutions + 4 * norms


def test_layer_table():
    model = zoo.build("segnet", width=0.125, input_shape=(360, 480, 3))
    decoder = {
        stage: [
            layer.filters * 8
            for layer in model.layers
            if layer.name.startswith(f"decoder{stage}_") and layer.name.endswith("_conv")
        ]
        for stage in range(5, 0, -1)
    }
    assert decoder == {
        5: [512, 512, 512],
        4: [512, 512, 256],
        3: [256, 256, 128],
        2: [128, 64],
        1: [64],
    }
    logits = model.get_layer("logits")
    assert (logits.filters, logits.kernel_size) == (11, (3, 3))
    encoder = [layer for layer in model.layers if layer.name.startswith("vgg16_block")]
    assert sum(isinstance(layer, keras.layers.Conv2D) for layer in encoder) == 13


def test_odd_maps_are_restored_exactly():
    model = zoo.card("segnet").build_tiny(input_shape=(360, 480, 3))
    sizes = [model.get_layer(f"pool{stage}").output[0].shape[1:3] for stage in range(1, 6)]
    assert sizes == [(180, 240), (90, 120), (45, 60), (23, 30), (12, 15)]
    back = [model.get_layer(f"unpool{stage}").output.shape[1:3] for stage in range(5, 0, -1)]
    assert back == [(23, 30), (45, 60), (90, 120), (180, 240), (360, 480)]
    assert not any("pad" in layer.name or "crop" in layer.name for layer in model.layers)


@pytest.mark.parametrize("name", ["segnet", "segnet_basic"])
@pytest.mark.parametrize("size", [(1, 1), (37, 50)])
def test_any_size(name, size):
    image = np.random.default_rng(0).integers(0, 255, (1, *size, 3)).astype("uint8")
    prediction = np.array(zoo.card(name).build_tiny()(image)["segmentation"])
    assert prediction.shape == (1, *size, 3) and np.isfinite(prediction).all()


def test_unpooling_restores_positions_of_the_maxima():
    model = zoo.card("segnet_basic").build_tiny()
    inner = keras.Model(
        model.input,
        [
            model.get_layer("encoder1_act").output,
            model.get_layer("pool1").output[0],
            model.get_layer("decoder2_norm").output,
            model.get_layer("unpool1").output,
        ],
    )
    image = np.random.default_rng(0).integers(0, 255, (1, 16, 24, 3)).astype("float32")
    whole, pooled, decoded, unpooled = (np.array(x) for x in inner(image))
    windows = whole.reshape(1, 8, 2, 12, 2, 8).transpose(0, 1, 3, 5, 2, 4).reshape(1, 8, 12, 8, 4)
    np.testing.assert_array_equal(windows.max(axis=-1), pooled)
    expected = np.eye(4)[windows.argmax(axis=-1)] * decoded[..., None]
    expected = expected.reshape(1, 8, 12, 8, 2, 2).transpose(0, 1, 4, 2, 5, 3)
    np.testing.assert_allclose(unpooled, expected.reshape(1, 16, 24, 8), atol=1e-6)


def test_the_basic_decoder_is_linear_and_unbiased():
    model = zoo.card("segnet_basic").build_tiny()
    decoder = [layer for layer in model.layers if layer.name.startswith("decoder")]
    assert not any(isinstance(layer, keras.layers.Activation) for layer in decoder)
    convolutions = [
        layer
        for layer in model.layers
        if isinstance(layer, keras.layers.Conv2D) and layer.name != "logits"
    ]
    assert len(convolutions) == 6
    assert not any(layer.use_bias for layer in convolutions)


def test_receptive_field_of_segnet_basic_is_106_pixels():
    # 7 pixels, then each pooling doubles the step and adds one step, each convolution six.
    field, step = 0, 1
    for _ in range(4):
        field += 6 * step
        field += step
        step *= 2
    assert field + 1 == 106
    model = zoo.build("segnet_basic", filters=1, norm="none", input_shape=(240, 240, 3))
    deepest = keras.Model(model.input, model.get_layer("pool4").output[0])
    for variable in deepest.trainable_variables:
        variable.assign(keras.ops.full(variable.shape, 0.01 if len(variable.shape) == 4 else 0.0))
    image = np.full((1, 240, 240, 3), 255.0, "float32")
    before = np.array(deepest(image))[0, 7, 7, 0]
    # A brighter line increases every window that contains it.
    seen = []
    for line in range(240):
        brighter = image.copy()
        brighter[:, line] *= 2
        if np.array(deepest(brighter))[0, 7, 7, 0] > before:
            seen.append(line)
    assert seen == list(range(seen[0], seen[0] + 106))


def test_wrong_input():
    with pytest.raises(InputError, match="num_classes must be at least 1"):
        zoo.build("segnet", num_classes=0)
    with pytest.raises(InputError, match="5 numbers"):
        zoo.build("segnet", blocks=(1, 1))
    with pytest.raises(InputError, match="at least 1"):
        zoo.build("segnet_basic", depth=0)
