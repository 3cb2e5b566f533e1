"""SPP-net: a classifier whose dense layers take any image size (He et al., ECCV 2014)."""

from __future__ import annotations

from collections.abc import Sequence

import keras
from keras import layers

from zoo.backbones import build_backbone
from zoo.backbones.feature_contract import normalize_to_unit, scaled
from zoo.cards import Paper
from zoo.errors import InputError
from zoo.layers.normalization_policy import normalization, normalizes
from zoo.layers.pooling_pyramids import SpatialPyramidPooling
from zoo.model import Model
from zoo.registry import register


@register(
    "sppnet",
    task="classification",
    summary="spatial pyramid pooling in place of the last pool: dense layers for any image size",
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
        "units": (32, 32),
        "bins": (3, 2, 1),
    },
    notes=(
        "Made for images of several sizes: the recipe key image_sizes alternates 180 and 224 "
        "pixels by epoch, as the paper does."
    ),
)
def sppnet(
    *,
    num_classes: int = 1000,
    input_shape: tuple[int | None, int | None, int] = (None, None, 3),
    backbone: str | None = None,
    norm: str | None = "none",
    bins: Sequence[int] = (6, 3, 2, 1),
    units: Sequence[int] = (4096, 4096),
    dropout: float = 0.5,
    width: float = 1.0,
    name: str = "sppnet",
) -> Model:
    """SPP-net.

    Args:
        num_classes: classes of the image.
        input_shape: height, width (None = any) and channels of the images, pixels 0…255.
        backbone: None for five convolutions of 96, 256, 384, 384 and 256 channels, or a name of
            `zoo.backbones`, whose last map is pooled.
        norm: `"batch"`, `"frozen"`, `"group"`, `"sync"` or `"none"` (the paper has none here).
        bins: cells a side of each level of the pyramid; (6, 3, 2, 1) are the paper's 50 cells.
        units: of the dense layers.
        dropout: behind each of them.
        width: factor on the channels of the convolutions.
        name: of the model.

    Returns:
        A model from (B, H, W, C) to `{"label": logits}` of shape (B, num_classes).

    Raises:
        InputError: an argument out of its range.
    """
    if num_classes < 1 or not 0 <= dropout < 1:
        raise InputError("sppnet: num_classes is at least 1 and dropout in [0, 1).")
    images = keras.Input(input_shape, name="image")
    if backbone is None:
        x = _five_convolutions(normalize_to_unit(images), norm, width)
    else:
        maps = build_backbone(backbone, images, norm=norm, width=width)
        x = maps[max(maps)]
    x = SpatialPyramidPooling(bins, name="pyramid")(x)
    for number, count in enumerate(units, start=1):
        x = layers.Dense(count, "relu", kernel_initializer="he_normal", name=f"fc{number}")(x)
        x = layers.Dropout(dropout, name=f"drop{number}")(x)
    logits = layers.Dense(num_classes, name="logits")(x)
    logits = layers.Activation("linear", dtype="float32", name="label")(logits)
    return Model(images, {"label": logits}, task="classification", name=name)


def _five_convolutions(x, norm: str | None, width: float):
    """The network that the paper calls ZF-5, up to its fifth convolution."""
    for number, (filters, size, stride) in enumerate(
        ((96, 7, 2), (256, 5, 2), (384, 3, 1), (384, 3, 1), (256, 3, 1)), start=1
    ):
        x = layers.Conv2D(
            scaled(filters, width),
            size,
            strides=stride,
            padding="same",
            use_bias=not normalizes(norm),
            kernel_initializer="he_normal",
            name=f"conv{number}",
        )(x)
        x = normalization(norm, name=f"norm{number}")(x)
        x = layers.Activation("relu", name=f"relu{number}")(x)
        if number <= 2:
            x = layers.MaxPooling2D(3, strides=2, padding="same", name=f"pool{number}")(x)
    return x
