"""Faster R-CNN trained in parts: the weights that change, and the losses."""

import keras
import numpy as np
import pytest
from keras import ops

import zoo
from zoo.errors import InputError

SINGLE = {
    "backbone": "vgg16",
    "head": "fc",
    "norm": "group",
    "anchor_sizes": (16, 32),
    "dropout": 0.0,
    "backbone_options": {"blocks": (1, 1, 1, 1, 1)},
}


def batch():
    random = np.random.default_rng(0)
    images = random.integers(0, 256, (2, 64, 64, 3), dtype=np.uint8)
    boxes = np.array(
        [[[8, 8, 40, 40], [0, 0, 0, 0]], [[20, 10, 60, 44], [2, 30, 30, 60]]], "float32"
    )
    return images, {"boxes": boxes, "labels": np.array([[0, -1], [1, 2]])}


def moved(model, steps=3):
    """Names of the parts whose weights change, and the losses."""
    model.compile(keras.optimizers.SGD(0.05), jit_compile=False)
    before = [ops.convert_to_numpy(variable) for variable in model.weights]
    for _ in range(steps):
        logs = model.train_on_batch(*batch(), return_dict=True)
    parts = set()
    for variable, value in zip(model.weights, before, strict=True):
        if np.array_equal(ops.convert_to_numpy(variable), value) or "seed" in variable.path:
            continue
        name = variable.path.split("/")[0]
        known = ("rpn", "vgg16", "resnet50", "fpn")
        parts.add(next((part for part in known if name.startswith(part)), "head"))
    return parts, set(logs)


@pytest.mark.parametrize(
    ("arguments", "parts", "losses"),
    [
        ({}, {"rpn", "vgg16", "head"}, {"objectness", "rpn_box", "class", "box"}),
        ({"trainable_part": "proposals"}, {"rpn", "vgg16"}, {"objectness", "rpn_box"}),
        ({"trainable_part": "regions"}, {"vgg16", "head"}, {"class", "box"}),
        (
            {"trainable_part": "proposals", "freeze_backbone": True},
            {"rpn"},
            {"objectness", "rpn_box"},
        ),
        ({"trainable_part": "regions", "freeze_backbone": True}, {"head"}, {"class", "box"}),
    ],
)
def test_only_trainable_parts_change(arguments, parts, losses):
    keras.utils.set_random_seed(0)
    model = zoo.card("faster_rcnn").build_tiny(**SINGLE, **arguments)
    found, logs = moved(model)
    assert found == parts
    assert logs == {"loss", *(f"{name}_loss" for name in losses)}


def test_frozen_convolutions():
    model = zoo.card("faster_rcnn").build_tiny(**SINGLE, frozen=2)
    names = [layer.name for layer in model.layers if layer.weights and not layer.trainable]
    assert {f"vgg16_block{number}_conv1" for number in (1, 2)} <= set(names)
    assert not any("block3" in name or "rpn" in name for name in names)


def test_freeze_backbone_includes_the_pyramid():
    model = zoo.card("faster_rcnn").build_tiny(trainable_part="regions", freeze_backbone=True)
    assert moved(model, 1)[0] == {"head"}


def test_monitor():
    tiny = zoo.card("faster_rcnn").build_tiny
    assert tiny().monitor == tiny(trainable_part="regions").monitor == ("val_ap50", "max")
    assert tiny(trainable_part="proposals").monitor == ("val_loss", "min")


def test_unknown_part():
    with pytest.raises(InputError, match=r"trainable_part must be 'all', .*, not 'heads'"):
        zoo.card("faster_rcnn").build_tiny(trainable_part="heads")
