"""Image classifiers: the networks of `zoo.backbones` with their published classification layers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import keras
from keras import layers

from zoo.argument_checks import check_dropout, check_minimum
from zoo.backbones import BACKBONES, build_backbone
from zoo.cards import Paper, PublishedResult
from zoo.layers.pooling_pyramids import AdaptivePooling
from zoo.model import Model
from zoo.registry import register

DENSE_CELLS = 7
"""Cells per side of the feature map that VGG16's dense layers take."""


def classifier(
    name: str, *, norm: str = "batch", side: int = 224, accuracies: tuple[float, float], **card: Any
) -> Callable[..., Model]:
    """Registers a backbone as a classifier and returns its builder.

    Args:
        name: name of the backbone and of the architecture.
        norm: default normalization policy.
        side: height and width of the images of the published results, in pixels.
        accuracies: published top-1 and top-5 accuracy on ImageNet, in %.
        card: other arguments of `zoo.registry.register`.
    """
    source = "the published weights' table"
    options = dict(BACKBONES[name].tiny)
    tiny = {"width": options.pop("width"), "backbone_options": options}
    return register(
        name,
        task="classification",
        published={"num_classes": 1000, "input_shape": (side, side, 3)},
        tiny={"num_classes": 3, "input_shape": (None, None, 3), **tiny},
        flops_size=(side, side),
        published_results=tuple(
            PublishedResult(f"top-{k}", f"{value} %", "ImageNet val", source)
            for k, value in zip((1, 5), accuracies, strict=True)
        ),
        **card,
    )(_builder(name, norm))


def _builder(backbone: str, default_norm: str) -> Callable[..., Model]:
    family = BACKBONES[backbone]

    def build(
        *,
        num_classes: int = 1000,
        input_shape: tuple[int | None, int | None, int] = (None, None, 3),
        norm: str = default_norm,
        width: float = 1.0,
        dropout: float = 0.0,
        backbone_options: Mapping[str, Any] | None = None,
        name: str = backbone,
    ) -> Model:
        check_minimum(1, num_classes=num_classes)
        check_dropout(dropout)
        images = keras.Input(input_shape, name="image")
        maps = build_backbone(backbone, images, norm=norm, width=width, **(backbone_options or {}))
        last = maps[max(maps)]
        if backbone == "vgg16" and last.shape[1:3] != (DENSE_CELLS, DENSE_CELLS):
            last = AdaptivePooling(DENSE_CELLS, "mean", name="pool_to_dense")(last)
        if dropout:
            last = layers.Dropout(dropout, name="dropout")(last)
        style = {"norm": norm} if backbone == "mobilenet_v2" else {}
        logits = family.top({max(maps): last}, num_classes, width=width, name=backbone, **style)
        logits = layers.Activation("linear", dtype="float32", name="label")(logits)
        return Model(images, {"label": logits}, task="classification", name=name)

    build.__name__ = build.__qualname__ = backbone
    build.__doc__ = f"""Builds {backbone} as an image classifier.

    Images may have any size. VGG16's dense layers take 7×7 cells; a feature map of another size is
    pooled to that.

    Args:
        num_classes: number of classes.
        input_shape: height, width and channels of the images; None for any height or width.
        norm: normalization policy: `"batch"`, `"frozen"`, `"group"`, `"sync"` or `"none"`.
        width: width multiplier of the convolutions.
        dropout: dropout rate after the last feature map, in [0, 1), in addition to the paper's.
        backbone_options: further arguments of the backbone, such as `{{"blocks": …}}`; None for the
            published network.
        name: name of the model.

    Returns:
        A model from images (B, H, W, C) in [0, 255] to `{{"label": logits}}`, (B, num_classes).

    Raises:
        InputError: if an argument is out of its range.
    """
    return build


vgg16 = classifier(
    "vgg16",
    norm="none",
    summary="thirteen 3×3 convolutions and three dense layers",
    paper=Paper(
        "K. Simonyan, A. Zisserman",
        "Very Deep Convolutional Networks for Large-Scale Image Recognition",
        "ICLR",
        2015,
    ),
    expected_parameters=138_357_544,
    accuracies=(71.3, 90.1),
    notes="Nine tenths of the weights are in the dense layers, which take 7×7 cells.",
)
RESNET_PAPER = Paper(
    "K. He, X. Zhang, S. Ren, J. Sun", "Deep Residual Learning for Image Recognition", "CVPR", 2016
)
resnet50 = classifier(
    "resnet50",
    summary="residual network of fifty layers with identity shortcuts",
    paper=RESNET_PAPER,
    expected_parameters=25_636_712,
    accuracies=(74.9, 92.1),
)
resnet101 = classifier(
    "resnet101",
    summary="residual network of 101 layers: ResNet-50 with 23 blocks in its fourth stage",
    paper=RESNET_PAPER,
    expected_parameters=44_707_176,
    accuracies=(76.4, 92.8),
)
darknet19 = classifier(
    "darknet19",
    summary="nineteen convolutions, the last of which classifies; the backbone of YOLOv2",
    paper=Paper("J. Redmon, A. Farhadi", "YOLO9000: Better, Faster, Stronger", "CVPR", 2017),
    expected_parameters=20_842_376,
    accuracies=(72.9, 91.2),
)
densenet121 = classifier(
    "densenet121",
    summary="each layer of a block takes the feature maps of all preceding layers",
    paper=Paper(
        "G. Huang, Z. Liu, L. van der Maaten, K. Weinberger",
        "Densely Connected Convolutional Networks",
        "CVPR",
        2017,
    ),
    expected_parameters=8_062_504,
    accuracies=(75.0, 92.3),
)
mobilenet_v2 = classifier(
    "mobilenet_v2",
    summary="depthwise convolutions in inverted residuals with linear bottlenecks, for mobile use",
    paper=Paper(
        "M. Sandler, A. Howard, M. Zhu, A. Zhmoginov, L.-C. Chen",
        "MobileNetV2: Inverted Residuals and Linear Bottlenecks",
        "CVPR",
        2018,
    ),
    expected_parameters=3_538_984,
    accuracies=(71.3, 90.1),
)
xception = classifier(
    "xception",
    side=299,
    summary="depthwise separable convolutions in residual blocks throughout",
    paper=Paper(
        "F. Chollet", "Xception: Deep Learning with Depthwise Separable Convolutions", "CVPR", 2017
    ),
    expected_parameters=22_910_480,
    accuracies=(79.0, 94.5),
)
