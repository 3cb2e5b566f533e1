"""Classifiers: pooling to the dense layers, pyramid pooling and class activation maps."""

import keras
import numpy as np
import pytest
from keras import ops

import zoo
from zoo.abstract_build import build_abstract
from zoo.classification import activation_model, has_activation_maps

WITH_MAPS = ["darknet19", "densenet121", "mobilenet_v2", "resnet101", "resnet50", "xception"]
IMAGES = np.random.default_rng(0).integers(0, 256, (2, 64, 96, 3), dtype=np.uint8)


@pytest.mark.parametrize("name", ["darknet19", "resnet50", "mobilenet_v2"])
def test_the_mean_of_an_activation_map_is_the_logit(name):
    model = zoo.card(name).build_tiny()
    for layer in model.layers:  # an all-zero bias would hide its omission
        if isinstance(layer, keras.layers.Dense):
            layer.bias.assign([0.5, -1.0, 2.0])
    maps = ops.convert_to_numpy(activation_model(model)(IMAGES))
    assert maps.shape == (2, 2, 3, 3) and maps.std() > 0
    logits = ops.convert_to_numpy(model(IMAGES)["label"])
    np.testing.assert_allclose(maps.mean((1, 2)), logits, rtol=1e-5, atol=1e-4)


def test_which_models_have_activation_maps():
    models = {name: zoo.card(name).build_tiny() for name in zoo.list_models("classification")}
    assert [name for name, model in models.items() if has_activation_maps(model)] == WITH_MAPS
    with pytest.raises(zoo.InputError, match="sppnet has no global average pooling"):
        activation_model(models["sppnet"])


def test_vgg16_does_not_pool_at_224():
    arguments = {"num_classes": 3, "width": 0.125, "backbone_options": {"blocks": (1, 1, 1, 1, 1)}}
    fixed = zoo.build("vgg16", input_shape=(224, 224, 3), **arguments)
    free = zoo.build("vgg16", **arguments)
    free.set_weights(fixed.get_weights())
    image = np.random.default_rng(1).integers(0, 256, (1, 224, 224, 3), dtype=np.uint8)
    np.testing.assert_allclose(fixed(image)["label"], free(image)["label"], atol=1e-5)
    assert not any(layer.name == "pool_to_dense" for layer in fixed.layers)


def test_sppnet_has_fifty_cells_of_256_maps():
    card = zoo.card("sppnet")
    model = build_abstract(card.build_published)
    assert model.get_layer("pyramid").output.shape[-1] == 12_800
    assert model.get_layer("conv5_act").output.shape[1:] == (14, 14, 256)


def test_sppnet_on_a_backbone_and_sizes():
    arguments = {"norm": "batch", "width": 0.125, "hidden_units": 16, "hidden_layers": 1}
    model = zoo.build("sppnet", num_classes=3, backbone="vgg16", **arguments)
    assert model(IMAGES)["label"].shape == (2, 3)
    assert model(IMAGES[:, :50, :70])["label"].shape == (2, 3)


def test_images_without_a_label_are_ignored():
    model = zoo.card("darknet19").build_tiny()
    model.compile(jit_compile=False)
    outputs = model(IMAGES)
    both = float(model.compute_loss(IMAGES, {"label": np.array([1, -1])}, outputs))
    first = {"label": outputs["label"][:1]}
    assert both == pytest.approx(
        float(model.compute_loss(IMAGES[:1], {"label": np.array([1])}, first)), rel=1e-5
    )
    with pytest.raises(zoo.InputError, match="targets must contain 'label'"):
        model.compute_loss(IMAGES, {"box": 0}, outputs)


@pytest.mark.parametrize("name", ["resnet50", "sppnet"])
def test_illegal_arguments(name):
    with pytest.raises(zoo.InputError, match="num_classes must be at least 1, not 0"):
        zoo.build(name, num_classes=0)
