"""DeconvNet: VGG16 and a mirrored deconvolution network (Noh et al., ICCV 2015)."""

from __future__ import annotations

from collections.abc import Sequence

import keras
from keras import layers

from zoo.argument_checks import check_choice, check_input_size, check_minimum
from zoo.backbones.backbone import normalize_to_caffe, scaled
from zoo.cards import Paper, PublishedResult
from zoo.errors import InputError
from zoo.layers.conv_blocks import conv_block
from zoo.layers.normalization_policy import normalization, normalizes
from zoo.layers.padding import PadToMultiple
from zoo.layers.transposed_conv import TransposedConv2D
from zoo.model import Model
from zoo.registry import register
from zoo.segmentation.pooling_indices_vgg import decode, encode
from zoo.segmentation.segmentation_head import segmentation_output
from zoo.valid_sizes import ValidSizes


@register(
    "deconvnet",
    task="segmentation",
    summary="VGG16 down to one cell, mirrored by unpooling with pooling indices and deconvolutions",
    paper=Paper(
        "H. Noh, S. Hong, B. Han",
        "Learning Deconvolution Network for Semantic Segmentation",
        "ICCV",
        2015,
    ),
    published={
        "num_classes": 21,
        "input_shape": (224, 224, 3),
        "padding": "valid",
        "use_bias": True,
    },
    expected_parameters=251_788_245,
    tiny={"num_classes": 3, "width": 0.03, "head_filters": 16, "blocks": (1, 1, 1, 1, 1)},
    flops_size=(224, 224),
    published_results=(
        PublishedResult("mean IoU", "69.6 %", "VOC 2012 test, 50 proposals merged", "paper"),
        PublishedResult("mean IoU", "70.5 %", "VOC 2012 test, 50 proposals merged, CRF", "paper"),
    ),
    notes=(
        "The paper trains on crops around objects and merges the predictions of 50 proposals per "
        "image; this is the network alone. By default the 7×7 layers are padded and images may "
        "have any size; padding='valid' is the paper's network, which needs sides of 224 or more."
    ),
)
def deconvnet(
    *,
    num_classes: int = 21,
    input_shape: tuple[int | None, int | None, int] = (None, None, 3),
    norm: str = "batch",
    padding: str = "same",
    width: float = 1.0,
    head_filters: int = 4096,
    blocks: Sequence[int] = (2, 2, 3, 3, 3),
    use_bias: bool | None = None,
    dropout: float = 0.0,
    name: str = "deconvnet",
) -> Model:
    """Builds DeconvNet.

    Args:
        num_classes: number of classes, including the background.
        input_shape: height, width and channels of the images; None for any height or width.
        norm: normalization policy: `"batch"`, `"frozen"`, `"group"`, `"sync"` or `"none"`.
        padding: padding of the two 7×7 layers: `"same"`, or `"valid"` (paper), which needs fixed
            sides that are multiples of 32 from 224 on.
        width: width multiplier of VGG16 and its mirror.
        head_filters: filters of fc6 and fc7.
        blocks: convolutions of each of the five stages, in the encoder and in the decoder.
        use_bias: whether convolutions before a normalization have a bias, which has no effect
            there: True (paper); None gives a bias only to those without normalization.
        dropout: dropout rate after fc6 and fc7, in [0, 1); the paper has none.
        name: name of the model.

    Returns:
        A model from images (B, H, W, C) in [0, 255] to `{"segmentation": logits}`, logits
        (B, H, W, num_classes).

    Raises:
        InputError: if an argument is out of its range, or `padding="valid"` does not allow a size;
            the message names the nearest sizes that are allowed.
    """
    check_choice("padding", padding, ("same", "valid"))
    check_minimum(1, num_classes=num_classes, head_filters=head_filters)
    if padding == "valid":
        if None in input_shape[:2]:
            raise InputError(
                "input_shape must have fixed sides with padding='valid', such as "
                f"(224, 224, {input_shape[2]}), not {tuple(input_shape)}."
            )
        check_input_size(input_shape, ValidSizes(224, 32, 0))
    biased = not normalizes(norm) if use_bias is None else use_bias

    def deconvolution(x, filters: int, layer: str):
        x = TransposedConv2D(filters, 3, 1, use_bias=biased, name=f"{layer}_conv")(x)
        x = normalization(norm, f"{layer}_norm")(x)
        return layers.Activation("relu", name=f"{layer}_act")(x)

    images = keras.Input(input_shape, name="image")
    x = PadToMultiple(32, name="pad")(normalize_to_caffe(images))
    x, poolings = encode(x, norm=norm, width=width, blocks=blocks, use_bias=biased)
    x = _fully_connected(x, scaled(512, width), head_filters, padding, dropout)
    x = decode(x, poolings, deconvolution, width=width, blocks=blocks)
    x = deconvolution(x, scaled(64, width), "decoder1_1")
    x = layers.Conv2D(num_classes, 1, name="logits")(x)
    outputs = {"segmentation": segmentation_output(x, images)}
    return Model(images, outputs, task="segmentation", name=name)


def _fully_connected(x, filters: int, head_filters: int, padding: str, dropout: float):
    """fc6, fc7 and the deconvolution of fc6; only the 3×3 layers are normalized."""
    for layer, kernel_size in (("fc6", 7), ("fc7", 1)):
        x = conv_block(x, head_filters, kernel_size, norm="none", padding=padding, name=layer)
        x = layers.Dropout(dropout, name=f"{layer}_drop")(x) if dropout else x
    # Uncropped, a 7×7 deconvolution restores the six lines that a valid fc6 removed.
    crop: str | int = 0 if padding == "valid" else "same"
    return TransposedConv2D(filters, 7, 1, padding=crop, activation="relu", name="deconv_fc6")(x)
