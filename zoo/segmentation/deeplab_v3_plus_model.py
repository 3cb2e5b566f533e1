"""DeepLabv3+: atrous pyramid pooling and a small decoder (Chen et al., ECCV 2018)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import keras
from keras import layers

from zoo.backbones import build_backbone
from zoo.cards import Paper, PublishedResult
from zoo.errors import InputError
from zoo.layers.atrous_pyramid import aspp
from zoo.layers.border import PadToGrid
from zoo.layers.conv_blocks import conv_block, separable_conv_block
from zoo.layers.padding import CropLike
from zoo.layers.resize import ResizeLike
from zoo.model import Model
from zoo.registry import register

RATES = {8: (12, 24, 36), 16: (6, 12, 18)}


@register(
    "deeplab_v3_plus",
    task="segmentation",
    summary="convolutions at several rates, then a decoder with one skip from stride 4",
    paper=Paper(
        "L.-C. Chen, Y. Zhu, G. Papandreou, F. Schroff, H. Adam",
        "Encoder-Decoder with Atrous Separable Convolution for Semantic Image Segmentation",
        "ECCV",
        2018,
    ),
    published={"num_classes": 21, "backbone": "xception65"},
    expected_parameters=41_055_413,
    flops_size=(513, 513),
    tiny={
        "num_classes": 3,
        "backbone": "resnet50",
        "filters": 16,
        "skip_filters": 8,
        "width": 0.125,
        "backbone_options": {"blocks": (1, 1, 1, 1), "stride_on": "3x3"},
    },
    published_results=(
        PublishedResult("mIoU", "79.79 %", "VOC 2012 val, Xception, output stride 16", "paper"),
        PublishedResult("mIoU", "82.20 %", "the same with COCO", "paper"),
        PublishedResult(
            "mIoU", "83.58 %", "with COCO, output stride 8, multi-scale and flip", "paper"
        ),
        PublishedResult("mIoU", "78.85 %", "VOC 2012 val, ResNet-101, output stride 16", "paper"),
        PublishedResult("mIoU", "79.35 %", "VOC 2012 val, ResNet-101, output stride 8", "paper"),
        PublishedResult(
            "mIoU", "75.32 %", "VOC 2012 val, MobileNetV2, no rates, no decoder", "paper"
        ),
        PublishedResult("mIoU", "87.8 %", "VOC 2012 test", "paper"),
        PublishedResult("mIoU", "82.1 %", "Cityscapes test", "paper"),
    ),
    notes=(
        "Train at output_stride=16; the weights also load at 8, slower and a little more exact. "
        "backbone='mobilenet_v2', rates=(), decoder=False is the light form."
    ),
)
def deeplab_v3_plus(
    *,
    num_classes: int = 21,
    input_shape: tuple[int | None, int | None, int] = (None, None, 3),
    backbone: str = "xception65",
    norm: str | None = "batch",
    output_stride: int = 16,
    rates: Sequence[int] | None = None,
    separable: bool = True,
    decoder: bool = True,
    filters: int = 256,
    skip_filters: int = 48,
    dropout: float = 0.1,
    width: float = 1.0,
    backbone_options: Mapping[str, Any] | None = None,
    name: str = "deeplab_v3_plus",
) -> Model:
    """DeepLabv3+.

    Args:
        num_classes: classes, background included.
        input_shape: height, width (None = any) and channels of the images, pixels 0…255.
        backbone: a name of `zoo.backbones` with maps at levels 2 and 5; the paper has
            `"xception65"`, `"resnet101"` and `"mobilenet_v2"`.
        norm: `"batch"`, `"frozen"`, `"group"`, `"sync"` or `"none"`.
        output_stride: 16 or 8.
        rates: of the 3×3 convolutions in the pyramid, in pixels of the map; default (6, 12, 18) at
            output stride 16 and (12, 24, 36) at 8; `()` leaves only the 1×1 convolution and the
            mean of the map.
        separable: depthwise-separable 3×3 convolutions in pyramid and decoder.
        decoder: False enlarges the pyramid's scores directly (DeepLabv3).
        filters: maps of each branch and of the decoder.
        skip_filters: maps to which the stride-4 map is reduced.
        dropout: share of the pyramid's maps dropped in training.
        width: factor on the backbone's channels.
        backbone_options: what else the backbone takes, such as `{"middle_blocks": 8}`.
        name: of the model.

    Returns:
        A model from (B, H, W, C) to `{"segmentation": logits}` of shape (B, H, W, num_classes).

    Raises:
        InputError: an unknown backbone or option, another output stride, or numbers out of range.
    """
    if output_stride not in RATES:
        raise InputError(f"deeplab_v3_plus: output_stride is 8 or 16, not {output_stride}.")
    if min(num_classes, filters, skip_filters) < 1:
        raise InputError("deeplab_v3_plus: num_classes, filters, skip_filters are at least 1.")
    rates = RATES[output_stride] if rates is None else rates
    images = keras.Input(input_shape, name="image")
    padded = PadToGrid(output_stride, name="pad")(images)
    maps = build_backbone(
        backbone,
        padded,
        norm=norm,
        output_stride=output_stride,
        width=width,
        **(backbone_options or {}),
    )
    x = aspp(maps[5], rates, filters, separable=separable, norm=norm, name="aspp")
    x = layers.Dropout(dropout, name="dropout")(x)
    if decoder:
        x = _decoder(x, maps[2], filters, skip_filters, separable, norm)
    x = layers.Conv2D(num_classes, 1, name="logits")(x)
    x = ResizeLike("bilinear_aligned", name="resize")([x, padded])
    x = CropLike(name="crop")([x, images])
    outputs = {"segmentation": layers.Activation("linear", dtype="float32", name="segmentation")(x)}
    return Model(images, outputs, task="segmentation", name=name)


def _decoder(x, skip, filters: int, skip_filters: int, separable: bool, norm: str | None):
    """The maps enlarged to stride 4, beside the reduced low-level map, and two convolutions."""
    style: dict[str, Any] = {"norm": norm, "epsilon": 1e-5}
    skip = conv_block(skip, skip_filters, 1, name="decoder_skip", **style)
    x = ResizeLike("bilinear_aligned", name="decoder_resize")([x, skip])
    x = layers.Concatenate(name="decoder_concat")([x, skip])
    for number in (1, 2):
        place = f"decoder_conv{number}"
        if separable:
            x = separable_conv_block(x, filters, depthwise_activation="relu", name=place, **style)
        else:
            x = conv_block(x, filters, 3, name=place, **style)
    return x
