import keras
import numpy as np
import pytest

import zoo
from zoo.errors import InputError


def test_published_parameters():
    card = zoo.card("deconvnet")
    assert card.parameters()["trainable"] == card.expected_parameters == 251_788_245


def paper(**arguments):
    return zoo.build(
        "deconvnet",
        **{"width": 0.125, "head_filters": 32, "padding": "valid", "input_shape": (224, 224, 3)}
        | arguments,
    )


def test_layer_table():
    model = paper()
    outputs = {name: tuple(model.get_layer(name).output.shape[1:]) for name in ("fc6_act",)}
    assert outputs["fc6_act"] == (1, 1, 32)
    assert tuple(model.get_layer("deconv_fc6").output.shape[1:]) == (7, 7, 64)
    sides = [model.get_layer(f"unpool{stage}").output.shape[1] for stage in range(5, 0, -1)]
    assert sides == [14, 28, 56, 112, 224]
    decoder = [
        [
            layer.filters * 8
            for layer in model.layers
            if layer.name.startswith(f"decoder{stage}_") and layer.name.endswith("_conv")
        ]
        for stage in range(5, 0, -1)
    ]
    assert decoder == [[512, 512, 512], [512, 512, 256], [256, 256, 128], [128, 64], [64, 64]]
    assert not any(isinstance(layer, keras.layers.Dropout) for layer in model.layers)


def test_output_has_the_size_of_the_input():
    prediction = paper(width=0.02, head_filters=8, input_shape=(256, 224, 3), num_classes=4)(
        np.full((1, 256, 224, 3), 77, "uint8")
    )["segmentation"]
    assert tuple(prediction.shape) == (1, 256, 224, 4)


def test_both_paddings_have_the_same_weights():
    valid = paper(width=0.02, head_filters=8)
    same = zoo.build("deconvnet", width=0.02, head_filters=8)
    assert [w.shape for w in valid.weights] == [w.shape for w in same.weights]


def test_wrong_sizes_are_refused_with_the_nearest():
    with pytest.raises(InputError, match=r"does not allow a side of 250; use 224 or 256"):
        paper(input_shape=(250, 224, 3))
    with pytest.raises(InputError, match=r"does not allow a side of 64; use 224"):
        paper(input_shape=(224, 64, 3))
    with pytest.raises(InputError, match="must have fixed sides"):
        paper(input_shape=(None, None, 3))
    with pytest.raises(InputError, match="'same' or 'valid'"):
        paper(padding="full")
