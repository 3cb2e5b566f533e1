import numpy as np
import pytest

from zoo.abstract_build import build_abstract
from zoo.backbones.imagenet_weights import load_weights
from zoo.catalog import card
from zoo.errors import InputError
from zoo.segmentation import dilated_context, dilated_frontend
from zoo.segmentation.dilated_vgg import margin, valid_sizes

BUILDERS = [dilated_frontend, dilated_context]
TINY = card("dilated_frontend").tiny
PAPER = card("dilated_frontend").published


def test_published_parameters():
    assert card("dilated_frontend").parameters()["stored"] == 134_346_581
    assert card("dilated_context").parameters()["stored"] == 134_346_581 + 28_392
    large = build_abstract(lambda: dilated_context(**PAPER, context_type="large"))
    assert large.count_params() == 134_346_581 + 6_803_139


@pytest.mark.parametrize("builder", BUILDERS)
@pytest.mark.parametrize(("side", "scores"), [(900, 66), (500, 16)])
def test_scores_without_padding(builder, side, scores):
    model = build_abstract(lambda: builder(**{**PAPER, "input_shape": (side, side, 3)}))
    assert model.get_layer("fc_final").output.shape[1:] == (scores, scores, 21)
    assert model.output["segmentation"].shape[1:] == (8 * scores, 8 * scores, 21)
    assert model.sizes.margin == 186
    assert model.sizes.legal(side)


def test_layers_of_the_front_end():
    model = build_abstract(lambda: dilated_frontend(**PAPER))
    rates = {layer.name: getattr(layer, "dilation_rate", None) for layer in model.layers}
    assert all(rates[f"vgg16_block5_conv{n}"] == (2, 2) for n in (1, 2, 3))
    assert rates["vgg16_block4_conv3"] == (1, 1)
    assert rates["fc6"] == (4, 4)
    assert model.get_layer("fc6").kernel.shape == (7, 7, 512, 4096)
    assert sum("pool" in name for name in rates) == 3


@pytest.mark.parametrize("builder", BUILDERS)
def test_reflect_padding_is_valid_padding_of_the_mirrored_image(builder):
    reflect, valid = builder(**TINY), builder(**TINY, padding="valid")
    valid.set_weights(reflect.get_weights())
    lost = margin(TINY["blocks"], 3)
    rng = np.random.default_rng(0)
    image = rng.uniform(0, 255, (1, 16, 24, 3)).astype("float32")
    mirrored = np.pad(image, [(0, 0), (lost, lost), (lost, lost), (0, 0)], mode="reflect")
    expected = np.array(valid(mirrored)["segmentation"])
    assert expected.shape == (1, 16, 24, 3)
    assert np.ptp(expected) > 0
    np.testing.assert_allclose(reflect(image)["segmentation"], expected, atol=1e-5)


def test_loss_with_valid_padding_uses_the_center_of_the_target():
    model = dilated_frontend(**TINY, padding="valid")
    side = model.sizes.base + 8
    truth = np.zeros((1, side, side), "int32")
    images = np.random.default_rng(0).uniform(0, 255, (1, side, side, 3)).astype("float32")
    model.compile(jit_compile=False)
    before = model.evaluate(images, {"segmentation": truth}, verbose=0)
    lost = model.sizes.margin
    truth[:, :lost] = truth[:, -lost:] = truth[:, :, :lost] = truth[:, :, -lost:] = 2
    assert model.evaluate(images, {"segmentation": truth}, verbose=0) == pytest.approx(before)
    truth[:, lost] = 2
    assert model.evaluate(images, {"segmentation": truth}, verbose=0) != pytest.approx(before)


def test_vgg16_weights_load_by_layer_name():
    model = dilated_frontend(num_classes=2, head_filters=4, head_kernel_size=1)
    before = model.get_layer("vgg16_block5_conv3").get_weights()[0].copy()
    # Published weights of fc6 and fc7 need their published shape.
    assert load_weights(model, "vgg16", None) == ["fc6", "fc7"]
    assert not np.array_equal(before, model.get_layer("vgg16_block5_conv3").get_weights()[0])


def test_front_end_weights_load_into_the_context_model():
    trained, joint = dilated_frontend(**TINY), dilated_context(**TINY)
    for layer in trained.layers:
        if layer.weights:
            joint.get_layer(layer.name).set_weights(layer.get_weights())
    images = np.random.default_rng(0).uniform(0, 255, (1, 16, 16, 3)).astype("float32")
    # The context module is the identity for values of at least 0.
    lift = 1.0 - float(np.min(trained(images)["segmentation"]))
    for model in (trained, joint):
        kernel, bias = model.get_layer("fc_final").get_weights()
        model.get_layer("fc_final").set_weights([kernel, bias + lift])
    np.testing.assert_allclose(
        joint(images)["segmentation"],
        trained(images)["segmentation"],
        rtol=1e-5,
        atol=1e-5 * lift,
    )


@pytest.mark.parametrize("builder", BUILDERS)
def test_wrong_input(builder):
    with pytest.raises(InputError, match="892 or 900"):
        builder(**{**PAPER, "input_shape": (899, 900, 3)})
    with pytest.raises(InputError, match="use 380"):
        builder(**{**PAPER, "input_shape": (64, 900, 3)})
    with pytest.raises(InputError, match="'reflect' or 'valid'"):
        builder(**TINY, padding="same")
    with pytest.raises(InputError, match="5 numbers"):
        builder(**{**TINY, "blocks": (1, 1)})
    with pytest.raises(InputError, match="head_kernel_size must be odd"):
        builder(**{**TINY, "head_kernel_size": 4})


def test_margin_of_the_paper():
    assert margin((2, 2, 3, 3, 3), 7) == 186
    assert valid_sizes((2, 2, 3, 3, 3), 7).base == 380
    with pytest.raises(InputError, match="'basic' or 'large', not 'none'"):
        dilated_context(**TINY, context_type="none")
