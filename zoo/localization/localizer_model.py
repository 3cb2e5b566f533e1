"""Classification and localization: one class and one box from shared features."""

from __future__ import annotations

from collections.abc import Sequence

import keras
from keras import layers

from zoo.cards import Paper, PublishedResult
from zoo.errors import InputError
from zoo.layers.to_pixels import ToPixels
from zoo.localization.feature_vector import Body
from zoo.localization.single_object_model import SingleObjectModel
from zoo.losses.localization_losses import BOX_LOSSES, check_kind
from zoo.model import Model
from zoo.registry import register


@register(
    "localizer",
    task="localization",
    summary="a class head and a box head on the same features",
    paper=Paper(
        "K. Simonyan, A. Zisserman",
        "Very Deep Convolutional Networks for Large-Scale Image Recognition",
        "ICLR",
        2015,
    ),
    published={"num_classes": 1000, "input_shape": (224, 224, 3), "per_class": True},
    expected_parameters=154_745_544,
    flops_size=(224, 224),
    tiny={
        "num_classes": 3,
        "input_shape": (None, None, 3),
        "width": 0.125,
        "cells": 2,
        "units": (32,),
        "dropout": 0.0,
    },
    published_results=(
        PublishedResult(
            "top-5 localization error", "26.9 %", "ILSVRC 2014 val, fusion", "VGG paper"
        ),
        PublishedResult(
            "top-5 localization error", "25.3 %", "ILSVRC 2014 test, fusion", "VGG paper"
        ),
        PublishedResult(
            "localization error", "33.1 %", "ILSVRC val, true class given, box a class", "VGG paper"
        ),
    ),
    notes=(
        "The papers train the box head apart from the classifier; here both heads share one body "
        "and one training. VGG finds a box for each class better, OverFeat one for all."
    ),
)
def localizer(
    *,
    num_classes: int = 2,
    input_shape: tuple[int | None, int | None, int] = (None, None, 3),
    backbone: str = "vgg16",
    norm: str | None = "none",
    per_class: bool = False,
    box_loss: str = "l2",
    label_weight: float = 1.0,
    box_weight: float = 1.0,
    uncertainty: bool = False,
    label_from: str = "dense",
    output_stride: int = 32,
    cells: int = 7,
    units: Sequence[int] = (4096, 4096),
    dropout: float = 0.5,
    width: float = 1.0,
    name: str = "localizer",
) -> Model:
    """Class and box of the one object.

    Args:
        num_classes: classes of the object.
        input_shape: height, width (None = any) and channels of the images, pixels 0…255.
        backbone: a name of `zoo.backbones`.
        norm: `"batch"`, `"frozen"`, `"group"`, `"sync"` or `"none"`.
        per_class: a box for each class, of which the likeliest class's is the answer.
        box_loss: `"l2"` (the papers'), `"smooth_l1"` or `"giou"`.
        label_weight, box_weight: factors of the two losses. Boxes are learned as shares of the
            image, so the plain sum of an l2 box loss and the cross-entropy is mostly the latter.
        uncertainty: factors learned beside (and on top of) the given ones, see
            `SingleObjectModel`.
        label_from: what the class head sees: `"dense"`, the dense layers that the box head sees too
            (the papers'), or the `"mean"` or `"max"` over the last map, for which it does not
            matter where the object is.
        output_stride: of the backbone.
        cells: a side, to which the last map is pooled; at 224×224, 7 pools nothing.
        units: of the dense layers.
        dropout: behind each of them.
        width: factor on the backbone's channels.
        name: of the model.

    Returns:
        A model from (B, H, W, C) to `label`, logits (B, num_classes), and `box`: centre x, y,
        width, height in pixels, (B, 4) or, per class, (B, num_classes, 4).

    Raises:
        InputError: an argument out of its range.
    """
    if num_classes < 1 or min(label_weight, box_weight) < 0:
        raise InputError("localizer: num_classes is at least 1, weights are not negative.")
    check_kind(box_loss, BOX_LOSSES, "box_loss")
    check_kind(label_from, ("dense", "mean", "max"), "label_from")
    body = Body(backbone, norm, width, cells, units, dropout, output_stride)
    images = keras.Input(input_shape, name="image")
    last = body.last_map(body.normalize(images))
    x = seen = body.dense(last)
    if label_from == "mean":
        seen = layers.GlobalAveragePooling2D(name="label_mean")(last)
    elif label_from == "max":
        seen = layers.GlobalMaxPooling2D(name="label_max")(last)
    logits = layers.Dense(num_classes, name="logits")(seen)
    # At first every box is the middle half of the image.
    start = keras.initializers.Constant(0.5)
    count = 4 * num_classes if per_class else 4
    small = keras.initializers.RandomNormal(stddev=0.01)
    box = layers.Dense(count, kernel_initializer=small, bias_initializer=start, name="shares")(x)
    if per_class:
        box = layers.Reshape((num_classes, 4), name="per_class")(box)
    outputs = {
        "label": layers.Activation("linear", dtype="float32", name="label")(logits),
        "box": ToPixels(name="box")([box, images]),
    }
    return SingleObjectModel(
        images,
        outputs,
        task="localization",
        loss_weights={"label": label_weight, "box": box_weight},
        uncertainty=uncertainty,
        name=name,
        box_loss=box_loss,
    )
