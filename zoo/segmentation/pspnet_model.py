"""PSPNet: context of four sizes pooled from one dilated map (Zhao et al., CVPR 2017)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import keras
from keras import layers

from zoo.backbones import build_backbone
from zoo.cards import Paper, PublishedResult
from zoo.errors import InputError
from zoo.layers.border import PadToGrid
from zoo.layers.conv_blocks import conv_block
from zoo.layers.padding import CropLike
from zoo.layers.pooling_pyramids import pyramid_pooling
from zoo.layers.resize import ResizeLike
from zoo.model import Model
from zoo.registry import register


@register(
    "pspnet",
    task="segmentation",
    summary="a dilated residual network whose map is pooled at four sizes and spread again",
    paper=Paper(
        "H. Zhao, J. Shi, X. Qi, X. Wang, J. Jia",
        "Pyramid Scene Parsing Network",
        "CVPR",
        2017,
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
        PublishedResult("mIoU", "41.68 %", "ADE20K val, ResNet-50, single scale", "paper"),
        PublishedResult(
            "pixel accuracy", "80.04 %", "ADE20K val, ResNet-50, single scale", "paper"
        ),
        PublishedResult("mIoU", "41.96 %", "ADE20K val, ResNet-101, single scale", "paper"),
        PublishedResult("mIoU", "42.62 %", "ADE20K val, ResNet-152, single scale", "paper"),
        PublishedResult("mIoU", "43.81 %", "ADE20K val, ResNet-269, single scale", "paper"),
        PublishedResult("mIoU", "85.4 %", "VOC 2012 test, ResNet-101 and COCO", "paper"),
        PublishedResult("mIoU", "82.6 %", "VOC 2012 test, ResNet-101", "paper"),
        PublishedResult("mIoU", "80.2 %", "Cityscapes test", "paper"),
    ),
    notes=(
        "The stem is ResNet's single 7×7 convolution; the authors' released weights have three 3×3 "
        "ones there. backbone_options={'blocks': (3, 8, 36, 3)} gives ResNet-152. Pyramid bins are "
        "exact on maps whose sides divide by 6 (an image of 473×473)."
    ),
)
def pspnet(
    *,
    num_classes: int = 150,
    input_shape: tuple[int | None, int | None, int] = (None, None, 3),
    backbone: str = "resnet50",
    norm: str | None = "batch",
    output_stride: int = 8,
    bins: Sequence[int] = (1, 2, 3, 6),
    filters: int = 512,
    dropout: float = 0.1,
    auxiliary_weight: float = 0.4,
    width: float = 1.0,
    backbone_options: Mapping[str, Any] | None = None,
    name: str = "pspnet",
) -> Model:
    """PSPNet.

    Args:
        num_classes: classes, background included.
        input_shape: height, width (None = any) and channels of the images, pixels 0…255.
        backbone: a name of `zoo.backbones` with maps at levels 4 and 5.
        norm: `"batch"`, `"frozen"`, `"group"`, `"sync"` or `"none"`.
        output_stride: 8 (the paper), 16 or 32; later strides become rates.
        bins: bins per side of each pooling.
        filters: maps of each pooled branch and of the last convolution.
        dropout: share of the last maps dropped in training.
        auxiliary_weight: factor of the loss of a second classifier on level 4, which `compile()`
            applies; 0 leaves that classifier out.
        width: factor on the backbone's channels.
        backbone_options: what else the backbone takes, such as `{"blocks": (3, 8, 36, 3)}`.
        name: of the model.

    Returns:
        A model from (B, H, W, C) to `{"segmentation": logits}` of shape (B, H, W, num_classes),
        and `"auxiliary"` of the same shape if `auxiliary_weight` is above 0.

    Raises:
        InputError: an unknown backbone, stride or option, or numbers out of range.
    """
    if num_classes < 1 or filters < 1 or not bins:
        raise InputError("pspnet: num_classes and filters are at least 1, bins not empty.")
    if auxiliary_weight < 0:
        raise InputError(f"pspnet: auxiliary_weight is at least 0, not {auxiliary_weight}.")
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
    style: dict[str, Any] = {"norm": norm, "epsilon": 1e-5}
    x = pyramid_pooling(maps[5], bins, filters, name="pyramid", **style)
    x = conv_block(x, filters, 3, name="last", **style)
    x = layers.Dropout(dropout, name="dropout")(x)
    outputs = {"segmentation": _scores(x, num_classes, padded, images, "segmentation")}
    if auxiliary_weight:
        x = conv_block(maps[4], max(filters // 2, 1), 3, name="auxiliary", **style)
        x = layers.Dropout(dropout, name="auxiliary_dropout")(x)
        outputs["auxiliary"] = _scores(x, num_classes, padded, images, "auxiliary")
    weights = {"auxiliary": auxiliary_weight} if auxiliary_weight else None
    return Model(images, outputs, task="segmentation", loss_weights=weights, name=name)


def _scores(x, num_classes: int, padded, images, name: str):
    """Class scores of a strided map, at the size of the images."""
    x = layers.Conv2D(num_classes, 1, name=f"{name}_logits")(x)
    x = ResizeLike("bilinear_aligned", name=f"{name}_resize")([x, padded])
    x = CropLike(name=f"{name}_crop")([x, images])
    return layers.Activation("linear", dtype="float32", name=name)(x)
