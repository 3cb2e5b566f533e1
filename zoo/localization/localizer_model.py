"""Localizer: the class and the box of one object from shared features."""

from __future__ import annotations

import keras
from keras import layers

from zoo.argument_checks import check_choice, check_minimum
from zoo.cards import Paper, PublishedResult
from zoo.layers.normalization_policy import default_norm
from zoo.layers.to_pixels import ToPixels
from zoo.localization.feature_extractor import FeatureExtractor
from zoo.localization.single_object_model import SingleObjectModel
from zoo.losses.localization_losses import BOX_LOSSES
from zoo.model import Model
from zoo.registry import register


@register(
    "localizer",
    task="localization",
    summary="a class head and a box head on shared features",
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
        "hidden_units": 32,
        "hidden_layers": 1,
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
            "localization error", "33.1 %", "ILSVRC val, true class given, per class", "VGG paper"
        ),
    ),
    notes=(
        "The papers train the box head and the classifier separately; here both heads share their "
        "features and are trained together. VGG's paper prefers one box per class, OverFeat's a "
        "single box."
    ),
)
def localizer(
    *,
    num_classes: int = 2,
    input_shape: tuple[int | None, int | None, int] = (None, None, 3),
    backbone: str = "vgg16",
    norm: str | None = None,
    per_class: bool = False,
    box_loss: str = "l2",
    label_weight: float = 1.0,
    box_weight: float = 1.0,
    uncertainty_weighting: bool = False,
    label_features: str = "dense",
    output_stride: int = 32,
    cells: int = 7,
    hidden_units: int = 4096,
    hidden_layers: int = 2,
    dropout: float = 0.5,
    width: float = 1.0,
    name: str = "localizer",
) -> Model:
    """Builds the localizer.

    Args:
        num_classes: number of classes of the object.
        input_shape: height, width and channels of the images; None for any height or width.
        backbone: name of a backbone of `zoo.backbones`.
        norm: normalization policy: `"batch"`, `"frozen"`, `"group"`, `"sync"` or `"none"`. None is
            `"none"` for VGG16 (paper), and `"batch"` for other backbones.
        per_class: whether to regress one box per class; the box of the most likely class is
            predicted.
        box_loss: loss of the box: `"l2"` (paper), `"smooth_l1"` or `"giou"`.
        label_weight: weight of the class loss.
        box_weight: weight of the box loss. Box errors are fractions of the image, so an L2 box loss
            is much smaller than the cross-entropy.
        uncertainty_weighting: whether to learn further loss weights, see `SingleObjectModel`.
        label_features: features of the class head: `"dense"`, the dense layers shared with the box
            head (paper), or the `"mean"` or `"max"` of the last feature map, which do not depend on
            the object's position.
        output_stride: output stride of the backbone.
        cells: cells per side that the last feature map is pooled to; with images of 224×224, 7
            cells need no pooling.
        hidden_units: units of each hidden dense layer.
        hidden_layers: number of hidden dense layers.
        dropout: dropout rate after each hidden layer, in [0, 1).
        width: width multiplier of the backbone.
        name: name of the model.

    Returns:
        A model from images (B, H, W, C) in [0, 255] to `label`, logits (B, num_classes), and `box`:
        center x, y, width and height in pixels, (B, 4) or, per class, (B, num_classes, 4).

    Raises:
        InputError: if an argument is out of its range.
    """
    check_minimum(1, num_classes=num_classes)
    check_minimum(0, label_weight=label_weight, box_weight=box_weight)
    check_choice("box_loss", box_loss, BOX_LOSSES)
    check_choice("label_features", label_features, ("dense", "mean", "max"))
    norm = default_norm(norm, backbone)
    extractor = FeatureExtractor(
        backbone, norm, width, cells, hidden_units, hidden_layers, dropout, output_stride
    )
    images = keras.Input(input_shape, name="image")
    last = extractor.last_map(extractor.normalize(images))
    x = label_vector = extractor.dense(last)
    if label_features == "mean":
        label_vector = layers.GlobalAveragePooling2D(name="label_mean")(last)
    elif label_features == "max":
        label_vector = layers.GlobalMaxPooling2D(name="label_max")(last)
    logits = layers.Dense(num_classes, name="logits")(label_vector)
    outputs = {
        "label": layers.Activation("linear", dtype="float32", name="label")(logits),
        "box": ToPixels(name="box")([_box(x, num_classes if per_class else None), images]),
    }
    return SingleObjectModel(
        images,
        outputs,
        task="localization",
        loss_weights={"label": label_weight, "box": box_weight},
        uncertainty_weighting=uncertainty_weighting,
        name=name,
        box_loss=box_loss,
    )


def _box(x, num_classes: int | None):
    """Returns boxes (B, 4) or (B, num_classes, 4) as fractions of the image."""
    box = layers.Dense(
        4 * (num_classes or 1),
        kernel_initializer=keras.initializers.RandomNormal(stddev=0.01),
        # The initial box is the central half of the image.
        bias_initializer=keras.initializers.Constant(0.5),
        name="box_fractions",
    )(x)
    return layers.Reshape((num_classes, 4), name="per_class")(box) if num_classes else box
