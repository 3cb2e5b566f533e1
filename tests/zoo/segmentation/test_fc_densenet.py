import numpy as np
import pytest

import zoo
from zoo.errors import InputError

NAMES = ("fc_densenet56", "fc_densenet67", "fc_densenet103")


@pytest.mark.parametrize(
    ("name", "trainable", "stored"),
    [
        ("fc_densenet56", 1_376_795, 1_397_963),
        ("fc_densenet67", 3_463_243, 3_502_923),
        ("fc_densenet103", 9_322_091, 9_425_163),
    ],
)
def test_published_parameters(name, trainable, stored):
    card = zoo.card(name)
    assert card.parameters() == {"trainable": trainable, "stored": stored}
    assert card.expected_parameters == stored


def test_widths_of_the_hundred_layers():
    model = zoo.build("fc_densenet103", input_shape=(224, 224, 3))
    sides, widths = [], []
    for block, depth in zip(
        [f"down{i}" for i in range(1, 6)] + ["bottleneck"] + [f"up{i}" for i in range(5, 0, -1)],
        [4, 5, 7, 10, 12, 15, 12, 10, 7, 5, 4],
        strict=True,
    ):
        before = model.get_layer(f"{block}_block{depth}_1_norm").input
        sides.append(before.shape[1])
        widths.append(before.shape[-1] + 16)
    assert model.get_layer("stem_conv").output.shape[-1] == 48
    assert widths == [112, 192, 304, 464, 656, 896, 1088, 816, 576, 384, 256]
    assert model.get_layer("logits").input.shape[-1] == 256
    assert sides == [224, 112, 56, 28, 14, 7, 14, 28, 56, 112, 224]


def test_only_new_maps_are_upsampled():
    model = zoo.card("fc_densenet56").build_tiny()
    up = model.get_layer("up1_transition_up")
    growth, depth = zoo.card("fc_densenet56").tiny["growth_rate"], 2
    assert up.input.shape[-1] == growth * depth
    assert up.filters == growth * depth


def test_tiny_configurations_are_different_networks():
    tiny = [zoo.card(name).build_tiny() for name in NAMES]
    assert len({tuple(v.shape for v in model.weights) for model in tiny}) == 3


def test_image_smaller_than_the_stride():
    model = zoo.build("fc_densenet56", growth_rate=2, blocks=[1] * 11, stem_filters=4)
    prediction = model(np.full((1, 5, 37, 3), 90, "uint8"))["segmentation"]
    assert tuple(prediction.shape) == (1, 5, 37, 11)
    assert np.isfinite(np.array(prediction)).all()


@pytest.mark.parametrize("name", NAMES)
def test_wrong_blocks(name):
    with pytest.raises(InputError, match="odd number of blocks"):
        zoo.build(name, blocks=(4, 4))
    with pytest.raises(InputError, match="at least 1"):
        zoo.build(name, growth_rate=0)
