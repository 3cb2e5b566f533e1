"""Fully convolutional network at full resolution, without downsampling."""

from __future__ import annotations

import keras
from keras import layers

from zoo.argument_checks import check_minimum
from zoo.cards import Paper
from zoo.layers.conv_blocks import conv_block
from zoo.layers.pixel_normalization import PixelNormalization
from zoo.model import Model
from zoo.registry import register
from zoo.segmentation.segmentation_head import segmentation_output


@register(
    "full_resolution",
    task="segmentation",
    summary="3×3 convolutions at the resolution of the image throughout",
    paper=Paper(
        "J. Long, E. Shelhamer, T. Darrell",
        "Fully Convolutional Networks for Semantic Segmentation",
        "CVPR",
        2015,
    ),
    published={"num_classes": 21, "norm": "none"},
    # 3·64·9 + 64, seven times 64·64·9 + 64, and 64·21 + 21.
    expected_parameters=261_653,
    tiny={"num_classes": 3, "convolutions": 3, "filters": 8},
    notes=(
        "A textbook baseline, not a published system: every layer has the memory and time of the "
        "full resolution, and the receptive field is small (17×17 pixels with 8 convolutions)."
    ),
)
def full_resolution(
    *,
    num_classes: int = 21,
    input_shape: tuple[int | None, int | None, int] = (None, None, 3),
    norm: str = "batch",
    convolutions: int = 8,
    filters: int = 64,
    name: str = "full_resolution",
) -> Model:
    """Builds a fully convolutional network without downsampling.

    The receptive field is 2 · convolutions + 1 pixels wide.

    Args:
        num_classes: number of classes, including the background.
        input_shape: height, width and channels of the images; None for any height or width.
        norm: normalization policy: `"batch"`, `"frozen"`, `"group"`, `"sync"` or `"none"`.
        convolutions: number of 3×3 convolutions before the classifier.
        filters: filters of each convolution.
        name: name of the model.

    Returns:
        A model from images (B, H, W, C) in [0, 255] to `{"segmentation": logits}`, logits
        (B, H, W, num_classes).

    Raises:
        InputError: if an argument is out of its range.
    """
    check_minimum(1, num_classes=num_classes, convolutions=convolutions, filters=filters)
    images = keras.Input(input_shape, name="image")
    x = PixelNormalization(127.5, 127.5, name="normalize")(images)
    for number in range(1, convolutions + 1):
        x = conv_block(x, filters, 3, norm=norm, name=f"block{number}")
    x = layers.Conv2D(num_classes, 1, name="logits")(x)
    outputs = {"segmentation": segmentation_output(x)}
    return Model(images, outputs, task="segmentation", name=name)
