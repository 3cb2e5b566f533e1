"""DeepLabv3+: atrous pyramid pooling and a small decoder (Chen et al., ECCV 2018)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import keras
from keras import layers

from zoo.argument_checks import check_minimum
from zoo.backbones import build_backbone
from zoo.backbones.backbone import check_output_stride
from zoo.cards import Paper, PublishedResult
from zoo.layers.atrous_pyramid import aspp
from zoo.layers.border import PadToGrid
from zoo.layers.conv_blocks import conv_block, separable_conv_block
from zoo.layers.resize import ResizeLike
from zoo.model import Model
from zoo.registry import register
from zoo.segmentation.segmentation_head import resized_logits


@register(
    "deeplab_v3_plus",
    task="segmentation",
    summary="atrous spatial pyramid pooling, then a decoder with one skip connection from stride 4",
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
        PublishedResult("mean IoU", "79.79 %", "VOC 2012 val, Xception, output stride 16", "paper"),
        PublishedResult(
            "mean IoU", "82.20 %", "VOC 2012 val, Xception, output stride 16, COCO", "paper"
        ),
        PublishedResult(
            "mean IoU",
            "83.58 %",
            "VOC 2012 val, COCO, output stride 8, multi-scale and flip",
            "paper",
        ),
        PublishedResult(
            "mean IoU", "78.85 %", "VOC 2012 val, ResNet-101, output stride 16", "paper"
        ),
        PublishedResult(
            "mean IoU", "79.35 %", "VOC 2012 val, ResNet-101, output stride 8", "paper"
        ),
        PublishedResult(
            "mean IoU",
            "75.32 %",
            "VOC 2012 val, MobileNetV2, no atrous branches, no decoder",
            "paper",
        ),
        PublishedResult("mean IoU", "87.8 %", "VOC 2012 test", "paper"),
        PublishedResult("mean IoU", "82.1 %", "Cityscapes test", "paper"),
    ),
    notes=(
        "Weights trained at output_stride=16 also load at 8, which is slower and slightly more "
        "accurate. backbone='mobilenet_v2', dilation_rates=None, decoder=False is the paper's "
        "light network for mobile devices."
    ),
)
def deeplab_v3_plus(
    *,
    num_classes: int = 21,
    input_shape: tuple[int | None, int | None, int] = (None, None, 3),
    backbone: str = "xception65",
    norm: str = "batch",
    output_stride: int = 16,
    dilation_rates: Sequence[int] | None = (6, 12, 18),
    separable: bool = True,
    decoder: bool = True,
    filters: int = 256,
    skip_filters: int = 48,
    dropout: float = 0.1,
    width: float = 1.0,
    backbone_options: Mapping[str, Any] | None = None,
    name: str = "deeplab_v3_plus",
) -> Model:
    """Builds DeepLabv3+.

    Args:
        num_classes: number of classes, including the background.
        input_shape: height, width and channels of the images; None for any height or width.
        backbone: name of a backbone of `zoo.backbones` with feature maps at levels 2 and 5; the
            paper has `"xception65"`, `"resnet101"` and `"mobilenet_v2"`.
        norm: normalization policy: `"batch"`, `"frozen"`, `"group"`, `"sync"` or `"none"`.
        output_stride: output stride of the backbone: 16 or 8 (paper), or 32.
        dilation_rates: dilation rates of the pyramid's 3×3 convolutions at output stride 16 or 32,
            doubled at 8 as in the paper. None leaves these convolutions out: the pyramid is the
            1×1 convolution and the mean of the feature map.
        separable: whether the 3×3 convolutions of pyramid and decoder are depthwise separable.
        decoder: whether to add the decoder; without it the network is DeepLabv3.
        filters: filters of each pyramid branch and of the decoder.
        skip_filters: filters of the decoder's 1×1 convolution on the map of stride 4.
        dropout: dropout rate after the pyramid, in [0, 1).
        width: width multiplier of the backbone.
        backbone_options: further arguments of the backbone, such as `{"middle_blocks": 8}`; None
            for its defaults.
        name: name of the model.

    Returns:
        A model from images (B, H, W, C) in [0, 255] to `{"segmentation": logits}`, logits
        (B, H, W, num_classes).

    Raises:
        InputError: if an argument is out of its range.
    """
    check_output_stride(output_stride)
    check_minimum(1, num_classes=num_classes, filters=filters, skip_filters=skip_filters)
    rates: Sequence[int] = ()
    if dilation_rates is not None:
        check_minimum(1, dilation_rates=dilation_rates)
        rates = [rate * (2 if output_stride == 8 else 1) for rate in dilation_rates]
    images = keras.Input(input_shape, name="image")
    padded = PadToGrid(output_stride, name="pad")(images)
    options = {"output_stride": output_stride, "width": width, **(backbone_options or {})}
    maps = build_backbone(backbone, padded, norm=norm, **options)
    x = aspp(maps[5], rates, filters, separable=separable, norm=norm, name="aspp")
    x = layers.Dropout(dropout, name="dropout")(x)
    if decoder:
        x = _decoder(x, maps[2], filters, skip_filters, separable, norm)
    outputs = {"segmentation": resized_logits(x, num_classes, padded, images)}
    return Model(images, outputs, task="segmentation", name=name)


def _decoder(x, skip, filters: int, skip_filters: int, separable: bool, norm: str):
    """Concatenates the upsampled and the low-level map and applies two 3×3 convolutions."""
    style: dict[str, Any] = {"norm": norm, "epsilon": 1e-5}
    skip = conv_block(skip, skip_filters, 1, name="decoder_skip", **style)
    x = ResizeLike("bilinear_aligned", name="decoder_resize")([x, skip])
    x = layers.Concatenate(name="decoder_concat")([x, skip])
    for number in (1, 2):
        layer = f"decoder_conv{number}"
        if separable:
            x = separable_conv_block(x, filters, depthwise_activation="relu", name=layer, **style)
        else:
            x = conv_block(x, filters, 3, name=layer, **style)
    return x
