import keras
import numpy as np
import pytest

import zoo
from zoo.catalog import card
from zoo.errors import InputError
from zoo.segmentation import deeplab_v3_plus

TINY = card("deeplab_v3_plus").tiny


def shape(model, layer):
    return tuple(model.get_layer(layer).output.shape[1:])


def test_published_parameters():
    assert card("deeplab_v3_plus").parameters() == {
        "trainable": 41_055_413,
        "stored": 41_258_213,
    }


@pytest.mark.parametrize(
    ("stride", "side", "rates"),
    [(32, 17, (6, 12, 18)), (16, 33, (6, 12, 18)), (8, 65, (12, 24, 36))],
)
def test_maps_of_a_513_image(stride, side, rates):
    model = deeplab_v3_plus(**{**TINY, "input_shape": (513, 513, 3)}, output_stride=stride)
    assert shape(model, "aspp_project_act") == (side, side, 16)
    for rate in rates:
        assert model.get_layer(f"aspp_rate{rate}_depthwise").dilation_rate == (rate, rate)
    assert shape(model, "decoder_resize") == (129, 129, 16)
    assert shape(model, "decoder_skip_act") == (129, 129, 8)
    assert shape(model, "decoder_concat") == (129, 129, 24)
    assert model.output["segmentation"].shape == (None, 513, 513, 3)


def test_weights_trained_at_stride_16_load_at_8():
    trained, sharper = (deeplab_v3_plus(**TINY, output_stride=stride) for stride in (16, 8))
    shapes = [[w.shape for w in model.weights] for model in (trained, sharper)]
    assert shapes[0] == shapes[1]
    assert trained.count_params() == sharper.count_params()


@pytest.mark.parametrize(
    ("backbone", "options"),
    [("xception65", {"middle_blocks": 1}), ("mobilenet_v2", {"blocks": (1,) * 7})],
)
def test_other_backbones(backbone, options):
    settings = {**TINY, "backbone": backbone, "backbone_options": options, "width": 0.03125}
    model = deeplab_v3_plus(**{**settings, "input_shape": (49, 65, 3)})
    assert shape(model, "decoder_skip_act") == (13, 17, 8)
    image = np.random.default_rng(0).uniform(0, 255, (1, 49, 65, 3)).astype("float32")
    assert np.ptp(np.array(model(image)["segmentation"])) > 0


def test_aligned_xception_trains(tmp_path):
    settings = {**TINY, "num_classes": 2, "backbone": "xception65", "width": 0.03125}
    model = deeplab_v3_plus(**settings | {"backbone_options": {"middle_blocks": 1}})
    images = np.random.default_rng(0).integers(20, 60, (2, 32, 48, 3)).astype("uint8")
    images[0, :, 24:] += 180
    images[1, 16:] += 180
    targets = {"segmentation": (images[..., 0] > 128).astype("int32")}
    before = [np.array(variable) for variable in model.trainable_variables]
    model.compile(keras.optimizers.Adam(1e-2), jit_compile=False)
    losses = [
        float(model.train_on_batch(images, targets, return_dict=True)["loss"]) for _ in range(40)
    ]
    assert min(losses) < 0.5 * losses[0]
    for variable, value in zip(model.trainable_variables, before, strict=True):
        assert not np.array_equal(np.array(variable), value), variable.path
    model.save(tmp_path / "model.keras")
    again = zoo.load(tmp_path / "model.keras")
    np.testing.assert_allclose(
        np.array(again(images)["segmentation"]),
        np.array(model(images, training=False)["segmentation"]),
        atol=1e-5,
    )


def test_light_network_has_neither_atrous_branches_nor_decoder():
    model = deeplab_v3_plus(**TINY, dilation_rates=None, decoder=False)
    names = [layer.name for layer in model.layers]
    assert not [name for name in names if name.startswith(("aspp_rate", "decoder"))]
    plain = deeplab_v3_plus(**TINY, separable=False)
    assert plain.get_layer("aspp_rate6_conv").kernel.shape[:2] == (3, 3)


def test_wrong_input():
    with pytest.raises(InputError, match="8, 16 or 32, not 4"):
        deeplab_v3_plus(output_stride=4)
    with pytest.raises(InputError, match="dilation_rates must be at least 1"):
        deeplab_v3_plus(dilation_rates=())
    with pytest.raises(InputError, match="at least 1"):
        deeplab_v3_plus(num_classes=0)
    with pytest.raises(InputError, match="middle_block"):
        deeplab_v3_plus(backbone_options={"middle_block": 1})
