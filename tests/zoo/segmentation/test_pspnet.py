import keras
import numpy as np
import pytest

from zoo.catalog import card
from zoo.errors import InputError
from zoo.losses import CrossEntropy
from zoo.segmentation import pspnet

TINY = card("pspnet").tiny


def test_parameters_add_up_from_the_table():
    resnet = 23_508_032
    pyramid = 4 * (2048 * 512 + 2 * 512)
    last = 9 * 4096 * 512 + 2 * 512 + 513 * 150
    auxiliary = 9 * 1024 * 256 + 2 * 256 + 257 * 150
    counts = card("pspnet").parameters()
    assert counts["trainable"] == resnet + pyramid + last + auxiliary
    assert counts["trainable"] == card("pspnet").expected_parameters


def test_map_of_a_473_image_is_60x60():
    options = {**TINY["backbone_options"], "blocks": (1, 1, 2, 2)}
    model = pspnet(**{**TINY, "input_shape": (473, 473, 3), "backbone_options": options})
    assert model.get_layer("resnet50_conv5_block2_out").output.shape[1:3] == (60, 60)
    for bins in (1, 2, 3, 6):
        assert model.get_layer(f"pyramid_pool{bins}").output.shape[1:3] == (bins, bins)
        assert model.get_layer(f"pyramid_resize{bins}").output.shape[1:3] == (60, 60)
    deep = model.get_layer("resnet50_conv5_block2_out").output.shape[3]
    assert model.get_layer("pyramid_concat").output.shape[3] == deep + 4 * 8
    assert model.output["segmentation"].shape == (None, 473, 473, 3)
    assert model.get_layer("resnet50_conv4_block2_2_conv").dilation_rate == (2, 2)
    assert model.get_layer("resnet50_conv5_block2_2_conv").dilation_rate == (4, 4)


def test_weight_of_the_auxiliary_loss():
    rng = np.random.default_rng(0)
    images = rng.uniform(0, 255, (2, 24, 24, 3)).astype("float32")
    truth = rng.integers(0, 3, (2, 24, 24))
    for weight in (0.4, 0.1):
        model = pspnet(**TINY, auxiliary_weight=weight)
        model.compile(run_eagerly=True)
        outputs = model.predict(images, verbose=0)
        main, second = (
            float(CrossEntropy()(truth, outputs[name])) for name in ("segmentation", "auxiliary")
        )
        results = model.evaluate(images, {"segmentation": truth}, verbose=0, return_dict=True)
        assert results["loss"] == pytest.approx(main + weight * second, rel=1e-5)
        assert results["segmentation_loss"] == pytest.approx(main, rel=1e-5)
        assert "mean_iou" in results


def test_loss_weights_of_compile(tmp_path):
    model = pspnet(**TINY)
    model.compile(loss_weights={"auxiliary": 0.25}, run_eagerly=True)
    images = np.random.default_rng(0).uniform(0, 255, (1, 16, 16, 3)).astype("float32")
    truth = {"segmentation": np.zeros((1, 16, 16), "int32")}
    results = model.evaluate(images, truth, verbose=0, return_dict=True)
    expected = results["segmentation_loss"] + 0.25 * results["auxiliary_loss"]
    assert results["loss"] == pytest.approx(expected, rel=1e-5)
    model.save(tmp_path / "model.keras")
    again = keras.saving.load_model(tmp_path / "model.keras")
    same = again.evaluate(images, truth, verbose=0, return_dict=True)
    assert same["loss"] == pytest.approx(results["loss"], rel=1e-4)


def test_without_auxiliary_output():
    model = pspnet(**TINY, auxiliary_weight=0.0)
    assert set(model.output) == {"segmentation"}
    assert model.loss_weights == {}


def test_wrong_input():
    with pytest.raises(InputError, match="auxiliary_weight"):
        pspnet(auxiliary_weight=-1)
    with pytest.raises(InputError, match="output_stride"):
        pspnet(**TINY, output_stride=4)
    with pytest.raises(InputError, match="did you mean 'resnet50'"):
        pspnet(**{**TINY, "backbone": "resnet5"})
    with pytest.raises(InputError, match="bins"):
        pspnet(**TINY, bins=())
