import keras
import numpy as np
import pytest

import zoo
from zoo.errors import InputError

NAMES = ("fcn32s", "fcn16s", "fcn8s")
SMALL = {"width": 0.02, "head_filters": 16, "norm": "none", "num_classes": 2}


@pytest.mark.parametrize(
    ("name", "skips"),
    [
        ("fcn32s", 0),
        # pool4's score and a doubling kernel of 4×4; then pool3's and another.
        ("fcn16s", 512 * 21 + 21 + 16 * 21 * 21),
        ("fcn8s", 512 * 21 + 21 + 256 * 21 + 21 + 2 * 16 * 21 * 21),
    ],
)
def test_published_parameters(name, skips):
    card = zoo.card(name)
    expected = 134_346_581 + skips
    assert card.parameters() == {"trainable": expected, "stored": expected}
    assert card.expected_parameters == expected


@pytest.mark.parametrize("name", NAMES)
def test_layer_table_of_the_paper(name):
    model = zoo.build(
        name, **SMALL | {"num_classes": 21}, padding="border", input_shape=(500, 500, 3)
    )
    shape = {layer.name: layer.output.shape[1:3] for layer in model.layers}
    assert shape["vgg16_block5_pool"] == (22, 22)
    assert shape["fc6_act"] == (16, 16)
    if name != "fcn32s":
        assert shape["double4"] == shape["sum4"] == (34, 34)
    if name == "fcn8s":
        assert shape["double3"] == shape["sum3"] == (70, 70)
    assert shape["segmentation"] == (500, 500)


def pass_through(model, keep):
    """Sets weights so that class 0's logit is the red value of the pixels below a cell.

    Every convolution averages its window and passes on the first channel; of the score layers
    only `keep` is not zero.
    """
    for layer in model.layers:
        if not isinstance(layer, keras.layers.Conv2D):
            continue
        kernel = np.zeros(layer.kernel.shape, "float32")
        # VGG16 takes channels in BGR order.
        source = 2 if layer.name == "vgg16_block1_conv1" else 0
        active = not layer.name.startswith("score") or layer.name == keep
        kernel[:, :, source, 0] = active / np.prod(layer.kernel_size)
        layer.kernel.assign(kernel)


@pytest.mark.parametrize("padding", ["same", "border"])
@pytest.mark.parametrize("upsampling", ["bilinear", "transpose"])
@pytest.mark.parametrize(
    ("name", "keep"),
    [
        ("fcn32s", "score5"),
        ("fcn16s", "score5"),
        ("fcn16s", "score4"),
        ("fcn8s", "score5"),
        ("fcn8s", "score4"),
        ("fcn8s", "score3"),
    ],
)
def test_every_stream_is_aligned_with_the_image(name, keep, padding, upsampling):
    height, width = 700, 590
    model = zoo.build(name, **SMALL, padding=padding, upsampling=upsampling)
    pass_through(model, keep)
    rows, columns = np.meshgrid(np.arange(height), np.arange(width), indexing="ij")
    for line in (rows, columns):
        rising = 130 + line / 8
        images = np.stack([rising, 400 - rising])[..., None].repeat(3, axis=-1)
        logits = np.array(model(images.astype("float32"))["segmentation"])[..., 0]
        # Max pooling takes the brighter pixel; over the two slopes that evens out.
        value = (logits[0] - logits[1]) / 2 + 200
        middle = (slice(300, height - 300), slice(280, width - 280))
        np.testing.assert_allclose(value[middle], rising[middle], atol=0.02)


def test_skips_are_initially_zero_and_are_trained():
    model = zoo.card("fcn8s").build_tiny()
    for level in (3, 4, 5):
        assert not np.array(model.get_layer(f"score{level}").kernel).any()
    for variable in model.trainable_variables:
        assert "double" not in variable.path or np.array(variable).any()
    model.compile(keras.optimizers.SGD(0.1))
    images = np.random.default_rng(0).integers(0, 255, (2, 64, 64, 3)).astype("float32")
    targets = {"segmentation": (images[..., 0] > 128).astype("int32")}
    model.fit(images, targets, epochs=2, verbose=0)
    for level in (3, 4, 5):
        assert np.array(model.get_layer(f"score{level}").kernel).any()


def test_transposed_upsampling_is_initially_bilinear():
    bilinear, transpose = (
        zoo.card("fcn16s").build_tiny(upsampling=kind, norm="none")
        for kind in ("bilinear", "transpose")
    )
    kernel = transpose.get_layer("enlarge").kernel
    assert kernel.shape == (32, 32, 3, 3)
    random = np.random.default_rng(0)
    weights = [random.normal(size=w.shape) * 0.1 for w in bilinear.weights]
    bilinear.set_weights(weights)
    transpose.set_weights([*weights, np.array(kernel)])
    image = random.integers(0, 255, (1, 96, 128, 3)).astype("float32")
    predictions = [np.array(m(image)["segmentation"])[:, 8:-8, 8:-8] for m in (bilinear, transpose)]
    assert predictions[0].std() > 0
    np.testing.assert_allclose(
        predictions[1], predictions[0], atol=1e-4 * np.abs(predictions[0]).max()
    )


def test_other_backbones_have_no_dense_layers():
    model = zoo.build("fcn8s", num_classes=4, backbone="resnet50", width=0.125)
    assert not any(layer.name.startswith("fc6") for layer in model.layers)
    prediction = model(np.full((1, 33, 70, 3), 9, "uint8"))["segmentation"]
    assert tuple(prediction.shape) == (1, 33, 70, 4)


def test_wrong_input():
    with pytest.raises(InputError, match="'same' or 'border', not 'valid'"):
        zoo.build("fcn8s", padding="valid")
    with pytest.raises(InputError, match="'bilinear' or 'transpose'"):
        zoo.build("fcn8s", upsampling="nearest")
    with pytest.raises(InputError, match="backbone must be 'vgg16' with"):
        zoo.build("fcn16s", padding="border", backbone="resnet50")
    with pytest.raises(InputError, match="did you mean 'vgg16'"):
        zoo.build("fcn32s", backbone="vgg61")
    with pytest.raises(InputError, match="at least 1"):
        zoo.build("fcn32s", num_classes=0)
