"""Convolutions at full resolution, and no downsampling: the dearest way to label every pixel."""

from __future__ import annotations

import keras
from keras import layers

from zoo.cards import Paper
from zoo.errors import InputError
from zoo.layers.conv_blocks import conv_block
from zoo.layers.pixel_normalization import PixelNormalization
from zoo.model import Model
from zoo.registry import register


@register(
    "full_resolution",
    task="segmentation",
    summary="3×3 convolutions that keep the full size from the image to the classes",
    paper=Paper(
        "J. Long, E. Shelhamer, T. Darrell",
        "Fully Convolutional Networks for Semantic Segmentation",
        "CVPR",
        2015,
    ),
    published={"num_classes": 21, "norm": "none"},
    # 3·64·9 + 64, seven times 64·64·9 + 64, and 64·21 + 21.
    expected_parameters=261_653,
    tiny={"num_classes": 3, "depth": 3, "filters": 8},
    notes=(
        "A textbook baseline, not a published system: memory and time grow with every pixel of "
        "every layer, and a pixel sees only depth pixels to each side."
    ),
)
def full_resolution(
    *,
    num_classes: int = 21,
    input_shape: tuple[int | None, int | None, int] = (None, None, 3),
    norm: str | None = "batch",
    depth: int = 8,
    filters: int = 64,
    name: str = "full_resolution",
) -> Model:
    """Fully convolutional network without downsampling.

    The receptive field is 2 · depth + 1 pixels wide.

    Args:
        num_classes: classes, background included.
        input_shape: height, width (None = any) and channels of the images, pixels 0…255.
        norm: `"batch"`, `"frozen"`, `"group"`, `"sync"` or `"none"`.
        depth: 3×3 convolutions before the classifier.
        filters: maps of each.
        name: of the model.

    Returns:
        A model from (B, H, W, C) to `{"segmentation": logits}` of shape (B, H, W, num_classes).

    Raises:
        InputError: num_classes, depth or filters below 1.
    """
    if min(num_classes, depth, filters) < 1:
        raise InputError("full_resolution: num_classes, depth and filters are at least 1.")
    images = keras.Input(input_shape, name="image")
    x = PixelNormalization(127.5, 127.5, name="normalize")(images)
    for number in range(1, depth + 1):
        x = conv_block(x, filters, 3, norm=norm, name=f"block{number}")
    x = layers.Conv2D(num_classes, 1, name="logits")(x)
    x = layers.Activation("linear", dtype="float32", name="segmentation")(x)
    return Model(images, {"segmentation": x}, task="segmentation", name=name)
