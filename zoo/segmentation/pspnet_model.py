"""PSPNet: context pooled at four scales from a dilated feature map (Zhao et al., CVPR 2017)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import keras
from keras import layers

from zoo.argument_checks import check_minimum
from zoo.backbones import build_backbone
from zoo.cards import Paper, PublishedResult
from zoo.layers.border import PadToGrid
from zoo.layers.conv_blocks import conv_block
from zoo.layers.pooling_pyramids import pyramid_pooling
from zoo.model import Model
from zoo.registry import register
from zoo.segmentation.segmentation_head import resized_logits


@register(
    "pspnet",
    task="segmentation",
    summary="dilated residual network whose feature map is pooled and upsampled at four scales",
    paper=Paper(
        "H. Zhao, J. Shi, X. Qi, X. Wang, J. Jia", "Pyramid Scene Parsing Network", "CVPR", 2017
    ),
    published={
        "num_classes": 150,
        "backbone": "resnet50",
        "backbone_options": {"stride_on": "3x3"},
    },
    expected_parameters=49_057_132,
    flops_size=(473, 473),
    tiny={
        "num_classes": 3,
        "filters": 8,
        "width": 0.125,
        "backbone_options": {"blocks": (1, 1, 1, 1), "stride_on": "3x3"},
    },
    published_results=(
        PublishedResult("mean IoU", "41.68 %", "ADE20K val, ResNet-50, single scale", "paper"),
        PublishedResult(
            "pixel accuracy", "80.04 %", "ADE20K val, ResNet-50, single scale", "paper"
        ),
        PublishedResult("mean IoU", "41.96 %", "ADE20K val, ResNet-101, single scale", "paper"),
        PublishedResult("mean IoU", "42.62 %", "ADE20K val, ResNet-152, single scale", "paper"),
        PublishedResult("mean IoU", "43.81 %", "ADE20K val, ResNet-269, single scale", "paper"),
        PublishedResult("mean IoU", "85.4 %", "VOC 2012 test, ResNet-101 and COCO", "paper"),
        PublishedResult("mean IoU", "82.6 %", "VOC 2012 test, ResNet-101", "paper"),
        PublishedResult("mean IoU", "80.2 %", "Cityscapes test", "paper"),
    ),
    notes=(
        "The stem is ResNet's single 7×7 convolution; the authors' released weights have three 3×3 "
        "convolutions there. backbone_options={'blocks': (3, 8, 36, 3)} gives ResNet-152. Bins are "
        "equal in size on feature maps whose sides are divisible by 6 (images of 473×473)."
    ),
)
def pspnet(
    *,
    num_classes: int = 150,
    input_shape: tuple[int | None, int | None, int] = (None, None, 3),
    backbone: str = "resnet50",
    norm: str = "batch",
    output_stride: int = 8,
    bins: Sequence[int] = (1, 2, 3, 6),
    filters: int = 512,
    dropout: float = 0.1,
    auxiliary_weight: float = 0.4,
    width: float = 1.0,
    backbone_options: Mapping[str, Any] | None = None,
    name: str = "pspnet",
) -> Model:
    """Builds PSPNet.

    Args:
        num_classes: number of classes, including the background.
        input_shape: height, width and channels of the images; None for any height or width.
        backbone: name of a backbone of `zoo.backbones` with feature maps at levels 4 and 5.
        norm: normalization policy: `"batch"`, `"frozen"`, `"group"`, `"sync"` or `"none"`.
        output_stride: output stride of the backbone: 8 (paper), 16 or 32.
        bins: cells per side of each pyramid level.
        filters: filters of each pyramid level and of the last convolution.
        dropout: dropout rate after the last feature map, in [0, 1).
        auxiliary_weight: weight of the loss of an auxiliary classifier on level 4; 0 removes it.
        width: width multiplier of the backbone.
        backbone_options: further arguments of the backbone, such as `{"blocks": (3, 8, 36, 3)}`;
            None for its defaults.
        name: name of the model.

    Returns:
        A model from images (B, H, W, C) in [0, 255] to `{"segmentation": logits}`, logits
        (B, H, W, num_classes), and `"auxiliary"` of the same shape if `auxiliary_weight` is
        above 0.

    Raises:
        InputError: if an argument is out of its range.
    """
    check_minimum(1, num_classes=num_classes, filters=filters, bins=bins)
    check_minimum(0, auxiliary_weight=auxiliary_weight)
    images = keras.Input(input_shape, name="image")
    padded = PadToGrid(output_stride, name="pad")(images)
    options = {"output_stride": output_stride, "width": width, **(backbone_options or {})}
    maps = build_backbone(backbone, padded, norm=norm, **options)
    style: dict[str, Any] = {"norm": norm, "epsilon": 1e-5}
    x = pyramid_pooling(maps[5], bins, filters, name="pyramid", **style)
    x = conv_block(x, filters, 3, name="last", **style)
    x = layers.Dropout(dropout, name="dropout")(x)
    outputs = {"segmentation": resized_logits(x, num_classes, padded, images)}
    weights = {}
    if auxiliary_weight:
        x = conv_block(maps[4], max(filters // 2, 1), 3, name="auxiliary", **style)
        x = layers.Dropout(dropout, name="auxiliary_dropout")(x)
        outputs["auxiliary"] = resized_logits(x, num_classes, padded, images, "auxiliary")
        weights["auxiliary"] = auxiliary_weight
    return Model(images, outputs, task="segmentation", loss_weights=weights, name=name)
