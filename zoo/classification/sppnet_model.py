"""SPP-net: a classifier whose dense layers take any image size (He et al., ECCV 2014)."""

from __future__ import annotations

from collections.abc import Sequence

import keras
from keras import layers

from zoo.argument_checks import check_dropout, check_minimum
from zoo.backbones import build_backbone
from zoo.backbones.backbone import conv_norm, normalize_to_unit, scaled
from zoo.cards import Paper
from zoo.layers.normalization_policy import default_norm
from zoo.layers.pooling_pyramids import SpatialPyramidPooling
from zoo.model import Model
from zoo.registry import register


@register(
    "sppnet",
    task="classification",
    summary="spatial pyramid pooling before the dense layers, which then take any image size",
    paper=Paper(
        "K. He, X. Zhang, S. Ren, J. Sun",
        "Spatial Pyramid Pooling in Deep Convolutional Networks for Visual Recognition",
        "ECCV",
        2014,
    ),
    published={"num_classes": 1000, "input_shape": (224, 224, 3)},
    expected_parameters=77_037_672,
    flops_size=(224, 224),
    tiny={
        "num_classes": 3,
        "input_shape": (None, None, 3),
        "width": 0.125,
        "hidden_units": 32,
        "bins": (3, 2, 1),
    },
    notes=(
        "Made for images of several sizes: as in the paper, the recipe key image_sizes alternates "
        "between 180 and 224 pixels from epoch to epoch."
    ),
)
def sppnet(
    *,
    num_classes: int = 1000,
    input_shape: tuple[int | None, int | None, int] = (None, None, 3),
    backbone: str | None = None,
    norm: str | None = None,
    bins: Sequence[int] = (6, 3, 2, 1),
    hidden_units: int = 4096,
    hidden_layers: int = 2,
    dropout: float = 0.5,
    width: float = 1.0,
    name: str = "sppnet",
) -> Model:
    """Builds SPP-net.

    Args:
        num_classes: number of classes.
        input_shape: height, width and channels of the images; None for any height or width.
        backbone: name of a backbone of `zoo.backbones`, whose last feature map is pooled; None for
            the paper's five convolutions of 96, 256, 384, 384 and 256 filters.
        norm: normalization policy: `"batch"`, `"frozen"`, `"group"`, `"sync"` or `"none"`. None is
            `"none"` for the paper's network and VGG16, and `"batch"` for other backbones.
        bins: cells per side of each pyramid level; the paper's (6, 3, 2, 1) are 50 cells.
        hidden_units: units of each hidden dense layer.
        hidden_layers: number of hidden dense layers.
        dropout: dropout rate after each hidden layer, in [0, 1).
        width: width multiplier of the convolutions.
        name: name of the model.

    Returns:
        A model from images (B, H, W, C) in [0, 255] to `{"label": logits}`, (B, num_classes).

    Raises:
        InputError: if an argument is out of its range.
    """
    check_minimum(1, num_classes=num_classes, hidden_units=hidden_units)
    check_dropout(dropout)
    norm = default_norm(norm, backbone)
    images = keras.Input(input_shape, name="image")
    if backbone is None:
        x = _zf5(normalize_to_unit(images), norm, width)
    else:
        maps = build_backbone(backbone, images, norm=norm, width=width)
        x = maps[max(maps)]
    x = SpatialPyramidPooling(bins, name="pyramid")(x)
    for number in range(1, hidden_layers + 1):
        x = layers.Dense(hidden_units, "relu", kernel_initializer="he_normal", name=f"fc{number}")(
            x
        )
        x = layers.Dropout(dropout, name=f"drop{number}")(x)
    logits = layers.Dense(num_classes, name="logits")(x)
    logits = layers.Activation("linear", dtype="float32", name="label")(logits)
    return Model(images, {"label": logits}, task="classification", name=name)


def _zf5(x, norm: str, width: float):
    """The convolutions of the network that the paper calls ZF-5."""
    for number, (filters, size, stride) in enumerate(
        ((96, 7, 2), (256, 5, 2), (384, 3, 1), (384, 3, 1), (256, 3, 1)), start=1
    ):
        layer = f"conv{number}"
        x = conv_norm(
            x,
            scaled(filters, width),
            size,
            stride=stride,
            norm=norm,
            activation="relu",
            conv_name=layer,
        )
        if number <= 2:
            x = layers.MaxPooling2D(3, strides=2, padding="same", name=f"pool{number}")(x)
    return x
