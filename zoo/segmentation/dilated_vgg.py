"""VGG16 with dilated convolutions: the network of `dilated_frontend` and `dilated_context`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import keras
from keras import layers

from zoo.argument_checks import check_choice, check_input_size, check_minimum
from zoo.backbones import find_backbone
from zoo.backbones.backbone import check_blocks, conv_norm, scaled
from zoo.errors import InputError
from zoo.layers.border import PadBorder
from zoo.layers.padding import PadToMultiple
from zoo.layers.unpooling import BilinearUnpooling
from zoo.model import Model
from zoo.segmentation.segmentation_head import segmentation_output
from zoo.valid_sizes import ValidSizes

STRIDE = 8
FILTERS = (64, 128, 256, 512, 512)
PADDINGS = ("reflect", "valid")
HEAD_RATE = 4
"""Dilation rate of fc6."""


def margin(blocks: Sequence[int], kernel_size: int) -> int:
    """Returns the pixels of the input that the valid convolutions lose on every side.

    A 3×3 convolution loses one cell of its feature map: 1, 2, 4 and 8 pixels in the first four
    stages, twice 8 in the fifth, whose dilation rate is 2.
    """
    pixels = sum(depth * 2**stage for stage, depth in enumerate(blocks))
    return pixels + STRIDE * HEAD_RATE * (kernel_size // 2)


def valid_sizes(blocks: Sequence[int], kernel_size: int) -> ValidSizes:
    """Returns the sizes allowed without padding: 2 · margin + 8 · m, m from 1."""
    lost = margin(blocks, kernel_size)
    return ValidSizes(base=2 * lost + STRIDE, step=STRIDE, margin=lost)


def dilated_network(
    *,
    num_classes: int,
    input_shape: tuple[int | None, int | None, int],
    norm: str,
    padding: str,
    blocks: Sequence[int],
    head_filters: int,
    head_kernel_size: int,
    dropout: float,
    width: float,
    name: str,
    context: Callable[[Any], Any] = lambda logits: logits,
) -> Model:
    """Builds the front end with a context module, a function from logits to logits, behind it."""
    check_minimum(1, num_classes=num_classes, head_filters=head_filters)
    check_choice("padding", padding, PADDINGS)
    blocks = check_blocks(blocks, len(FILTERS))
    if head_kernel_size < 1 or head_kernel_size % 2 == 0:
        raise InputError(f"head_kernel_size must be odd and positive, not {head_kernel_size!r}.")
    sizes = None
    x = images = keras.Input(input_shape, name="image")
    if padding == "reflect":
        x = PadToMultiple(STRIDE, name="pad")(x)
        x = PadBorder(margin(blocks, head_kernel_size), name="border")(x)
    else:
        sizes = valid_sizes(blocks, head_kernel_size)
        check_input_size(input_shape, sizes)
    x = _stages(x, blocks, norm, width)
    for layer, kernel_size, rate in (("fc6", head_kernel_size, HEAD_RATE), ("fc7", 1, 1)):
        x = _conv(x, head_filters, kernel_size, rate, norm, layer)
        x = layers.Dropout(dropout, name=f"{layer}_dropout")(x)
    x = context(layers.Conv2D(num_classes, 1, name="fc_final")(x))
    x = BilinearUnpooling(STRIDE, name="enlarge")(x)
    x = segmentation_output(x, images if padding == "reflect" else None)
    return Model(images, {"segmentation": x}, task="segmentation", sizes=sizes, name=name)


def _stages(x, blocks: Sequence[int], norm: str, width: float):
    """The five stages, with layer names of VGG16 so that published weights can be loaded."""
    x = find_backbone("vgg16").normalize(x)
    for stage, depth in enumerate(blocks, start=1):
        for index in range(1, depth + 1):
            name = f"vgg16_block{stage}_conv{index}"
            x = _conv(x, scaled(FILTERS[stage - 1], width), 3, 2 if stage == 5 else 1, norm, name)
        if stage < 4:
            x = layers.MaxPooling2D(2, name=f"vgg16_block{stage}_pool")(x)
    return x


def _conv(x, filters: int, kernel_size: int, rate: int, norm: str, name: str):
    return conv_norm(
        x,
        filters,
        kernel_size,
        rate=rate,
        padding="valid",
        norm=norm,
        activation="relu",
        conv_name=name,
    )
