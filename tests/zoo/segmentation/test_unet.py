"""U-Net: the paper's network to the pixel and the parameter, and the padded one."""

import keras
import numpy as np
import pytest
from keras import ops

import zoo
from zoo.segmentation import unet
from zoo.segmentation.unet_model import valid_sizes

TINY = {"num_classes": 3, "filters": 4, "depth": 3}


def make_image(height, width, channels=3, batch=1):
    shape = (batch, height, width, channels)
    return np.random.default_rng(0).uniform(0, 255, shape).astype("float32")


def test_network_of_the_paper():
    """Figure 1: 572×572 in, 388×388 out, 23 convolutions of 1 channel in and 2 classes out."""
    model = zoo.card("unet").build_published()
    assert model.output["segmentation"].shape == (None, 388, 388, 2)
    assert model.count_params() == 31_030_658
    kinds = (keras.layers.Conv2D, keras.layers.Conv2DTranspose)
    assert sum(isinstance(layer, kinds) for layer in model.layers) == 23
    # Each level's maps as printed in the figure, down and up.
    for level, side, channels in [(1, 568, 64), (2, 280, 128), (3, 136, 256), (4, 64, 512)]:
        assert model.get_layer(f"down{level}_relu2").output.shape[1:] == (side, side, channels)
    assert model.get_layer("down5_relu2").output.shape[1:] == (28, 28, 1024)
    for level, side in [(4, 52), (3, 100), (2, 196), (1, 388)]:
        assert model.get_layer(f"up{level}_relu2").output.shape[1:] == (side, side, 32 * 2**level)
    # Crops of the skips: (64−56)/2 … (568−392)/2.
    for level, border in [(4, 4), (3, 16), (2, 40), (1, 88)]:
        assert model.get_layer(f"cut{level}").cropping == ((border, border), (border, border))


def test_initial_weights_of_the_paper():
    """N(0, √(2/N)), N the inputs of a neuron."""
    model = unet(num_classes=2, input_shape=(None, None, 3), filters=32, depth=3)
    kernel = model.get_layer("down3_conv2").get_weights()[0]
    assert kernel.std() == pytest.approx(np.sqrt(2 / (9 * 128)), rel=0.02)
    other = model.get_layer("up2_conv2").get_weights()[0]
    assert other.shape == model.get_layer("down2_conv2").get_weights()[0].shape
    assert np.all(other != model.get_layer("down2_conv2").get_weights()[0])
    # The normal distribution is not truncated.
    assert np.mean(np.abs(kernel) > 2 * kernel.std()) == pytest.approx(0.0455, abs=0.005)


@pytest.mark.parametrize("depth", [2, 3, 4, 5])
def test_legal_sizes_of_valid_convolutions(depth):
    """Exactly the sizes that every pooling halves evenly, and the margin of the built network."""
    sizes = valid_sizes(depth)

    def output(side):
        for _ in range(depth - 1):
            side -= 4
            if side <= 0 or side % 2:
                return None
            side //= 2
        side -= 4
        for _ in range(depth - 1):
            if side <= 0:
                return None
            side = 2 * side - 4
        return side if side > 0 else None

    for side in range(1, 300):
        found = output(side)
        assert sizes.legal(side) == (found is not None)
        if found:
            assert side - found == 2 * sizes.margin
    if depth < 4:
        side = sizes.base + sizes.step
        model = unet(
            num_classes=2,
            input_shape=(side, sizes.base, 1),
            padding="valid",
            filters=2,
            depth=depth,
        )
        high, wide = side - 2 * sizes.margin, sizes.base - 2 * sizes.margin
        assert model.output["segmentation"].shape[1:3] == (high, wide)
        assert model(make_image(side, sizes.base, 1))["segmentation"].shape == (1, high, wide, 2)


def test_wrong_sizes_are_refused_with_the_nearest():
    with pytest.raises(zoo.InputError) as caught:
        unet(num_classes=2, input_shape=(572, 571, 1), padding="valid")
    assert str(caught.value) == (
        "unet: input_shape: padding='valid' does not allow a side of 571; use 556 or 572."
    )
    with pytest.raises(zoo.InputError, match="padding must be 'same' with a backbone"):
        unet(backbone="vgg16", padding="valid")
    with pytest.raises(zoo.InputError, match="padding must be 'same' or 'valid', not 'reflect'"):
        unet(padding="reflect")


@pytest.mark.parametrize("size", [(1, 1), (7, 5), (16, 16), (31, 50)])
def test_any_size_gives_a_prediction_of_that_size(size):
    model = unet(**TINY)
    logits = model(make_image(*size))["segmentation"]
    assert logits.shape == (1, *size, 3)
    prediction = zoo.predict(model, make_image(*size).astype("uint8"))["segmentation"]
    assert prediction.shape == (1, *size) and "int32" in str(prediction.dtype)


def test_predict_covers_the_whole_image_with_valid_padding():
    """The image is mirrored at its borders, as in the paper."""
    model = unet(**TINY, padding="valid", norm="none")
    margin = model.sizes.margin
    whole = make_image(60, 51)
    prediction = ops.convert_to_numpy(zoo.predict(model, whole)["segmentation"])
    assert prediction.shape == (1, 60, 51)
    mirrored = np.pad(whole, [(0, 0), (margin, 99), (margin, 99), (0, 0)], mode="reflect")
    high, wide = model.sizes.covering(60), model.sizes.covering(51)
    logits = model(mirrored[:, :high, :wide])["segmentation"]
    expected = ops.convert_to_numpy(ops.argmax(logits, -1))[:, :60, :51]
    np.testing.assert_array_equal(prediction, expected)


def test_padding_does_not_change_the_prediction():
    """An odd image is mirrored to a multiple; the middle is as in an image that needs none."""
    model = unet(**TINY, norm="none", dropout=0.0)
    large = make_image(64, 64)
    small = large[:, :61, :63]
    found = ops.convert_to_numpy(model(small)["segmentation"])[:, :30, :30]
    expected = ops.convert_to_numpy(model(large)["segmentation"])[:, :30, :30]
    np.testing.assert_allclose(found, expected, atol=1e-5)


@pytest.mark.parametrize("backbone", ["vgg16", "mobilenet_v2", "resnet50"])
def test_encoder_of_a_classification_network(backbone):
    model = unet(num_classes=4, backbone=backbone, filters=8, width=0.25)
    assert model(make_image(40, 75))["segmentation"].shape == (1, 40, 75, 4)
    joined = [layer for layer in model.layers if layer.name.startswith("join")]
    assert len(joined) >= 3
    for layer in joined:
        skip, risen = (tensor.shape for tensor in layer.input)
        assert skip[-1] > 0 and risen[-1] > 0
    rebuilt = zoo.Model.from_config(model.get_config())
    rebuilt.set_weights(model.get_weights())
    np.testing.assert_allclose(
        rebuilt(make_image(40, 75))["segmentation"],
        model(make_image(40, 75))["segmentation"],
        atol=1e-5,
    )


def test_pixels_are_scaled_inside_the_model_and_may_be_uint8():
    model = unet(**TINY)
    image = make_image(16, 16).astype("uint8")
    from_bytes = model(image)["segmentation"]
    from_floats = model(image.astype("float32"))["segmentation"]
    np.testing.assert_array_equal(from_bytes, from_floats)


@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16"])
def test_logits_are_float32(policy):
    with zoo.precision.PrecisionScope(policy):
        model = unet(**TINY)
    logits = model(make_image(16, 16))["segmentation"]
    assert keras.backend.standardize_dtype(logits.dtype) == "float32"
    assert np.isfinite(ops.convert_to_numpy(logits)).all()


def test_dropout_acts_in_training_only():
    model = unet(**TINY, norm="none", dropout=0.9)
    image = make_image(16, 16)
    first, second = (
        ops.convert_to_numpy(model(image, training=True)["segmentation"]) for _ in range(2)
    )
    assert np.abs(first - second).max() > 0
    np.testing.assert_array_equal(model(image)["segmentation"], model(image)["segmentation"])


@pytest.mark.parametrize("sizes", [{}, {"padding": "valid"}])
def test_training_on_two_colors(sizes):
    """A few steps on images whose left half is dark and right half bright."""
    keras.utils.set_random_seed(0)
    model = unet(num_classes=2, filters=4, depth=2, **sizes)
    side = 52 if sizes else 32
    images = np.zeros((8, side, side, 3), "float32")
    images[:, :, side // 2 :] = 255
    truth = (images[..., 0] > 0).astype("int32")
    model.compile(optimizer=keras.optimizers.Adam(1e-2))
    history = model.fit(images, {"segmentation": truth}, epochs=12, batch_size=4, verbose=0).history
    assert history["loss"][-1] < 0.3 * history["loss"][0]
    assert set(history) == {"loss", "mean_iou", "pixel_accuracy"}
    prediction = ops.convert_to_numpy(zoo.predict(model, images[:1])["segmentation"])
    assert np.mean(prediction == truth[:1]) > 0.95


def test_load_weights_with_another_number_of_classes(tmp_path):
    source = unet(**TINY, dropout=0.3)
    source.save(tmp_path / "three.keras")
    model = unet(**{**TINY, "num_classes": 7}, dropout=0.3)
    before = model.get_layer("logits").get_weights()
    report = zoo.load_weights(model, tmp_path / "three.keras")
    assert report.not_loaded == {
        "logits/kernel": "shape (1, 1, 4, 7), in the file (1, 1, 4, 3)",
        "logits/bias": "shape (7,), in the file (3,)",
    }
    assert report.unused == [] and len(report.loaded) == len(model.weights) - 2
    for layer in ("down1_conv1", "up2_conv1", "down3_norm2"):
        for old, new in zip(
            source.get_layer(layer).get_weights(), model.get_layer(layer).get_weights(), strict=True
        ):
            np.testing.assert_array_equal(old, new)
    for old, new in zip(before, model.get_layer("logits").get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)
    assert "not loaded: logits/bias (shape (7,), in the file (3,))." in str(report)
    assert str(report).startswith(f"loaded {len(report.loaded)} of {len(model.weights)} variables")


def test_load_weights_with_another_depth_and_number_of_channels(tmp_path):
    unet(**TINY).save(tmp_path / "deep.keras")
    model = unet(num_classes=3, input_shape=(None, None, 1), filters=4, depth=2)
    report = zoo.load_weights(model, tmp_path / "deep.keras")
    assert report.not_loaded == {
        "down1_conv1/kernel": "shape (3, 3, 1, 4), in the file (3, 3, 3, 4)"
    }
    assert "down3_conv1/kernel" in report.unused and "up2/kernel" in report.unused
    assert "not used from the file: up2/kernel" in str(report)


def test_load_weights_without_a_matching_variable(tmp_path):
    unet(**TINY, norm="none").save(tmp_path / "a.keras")
    model = unet(num_classes=9, filters=6, depth=2, backbone="vgg16", width=0.1, norm="none")
    with pytest.raises(zoo.InputError, match="no variable of unet fits unet"):
        zoo.load_weights(model, tmp_path / "a.keras")


def test_save_and_load(tmp_path):
    model = unet(**TINY, dropout=0.25)
    model.compile(loss=zoo.losses.Dice())
    images = make_image(13, 18, batch=2)
    model.fit(images, np.zeros((2, 13, 18), "int32"), verbose=0)
    model.save(tmp_path / "m.keras")
    again = zoo.load(tmp_path / "m.keras")
    assert type(again) is zoo.Model and again.architecture == "unet"
    assert again.arguments == {**TINY, "dropout": 0.25}
    np.testing.assert_array_equal(
        again.predict(images, verbose=0)["segmentation"],
        model.predict(images, verbose=0)["segmentation"],
    )
    assert isinstance(again.loss["segmentation"], zoo.losses.Dice)


@pytest.mark.parametrize("damage", ["missing", "text", "empty", "cut", "hole", "other"])
def test_load_of_a_damaged_file(tmp_path, damage):
    path = tmp_path / "m.keras"
    if damage == "text":
        path.write_text("not a model")
    elif damage == "empty":
        path.write_bytes(b"")
    elif damage == "other":
        keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)]).save(path)
    elif damage != "missing":
        unet(**TINY).save(path)
        content = bytearray(path.read_bytes())
        middle = len(content) // 2
        if damage == "hole":
            content[middle : middle + 64] = bytes(64)
        path.write_bytes(content if damage == "hole" else content[:middle])
    with pytest.raises(zoo.InputError) as caught:
        zoo.load(path)
    assert str(path) in str(caught.value) and "\n" not in str(caught.value)
