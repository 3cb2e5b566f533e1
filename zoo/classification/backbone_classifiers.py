"""The backbones of the zoo as what they were published as: classifiers of images.

Every one takes images of any size. VGG-16's dense layers need 7×7 cells: where the map has
another size it is pooled to that, and at 224×224 pixels nothing is pooled.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
from keras import layers

from zoo.backbones import BACKBONES
from zoo.cards import Paper, PublishedResult
from zoo.errors import InputError
from zoo.layers.pooling_pyramids import AdaptivePooling
from zoo.model import Model
from zoo.registry import register

SIDE_OF_DENSE = 7
DEPTH = {"xception": "middle_blocks"}
"""What a backbone calls its `blocks`, where not so."""


def classifier(name: str, *, norm: str, side: int, published_results: tuple[str, str], **card: Any):
    """Registers the backbone of a name as a classifier, and returns its builder.

    Args:
        name: of the backbone and of the architecture.
        norm: default normalisation.
        side: of the images that the published published_results were taken at.
        published_results: top-1 and top-5 accuracy on ImageNet in %, as published with the weights.
        card: the rest of the card, as `zoo.registry.register` takes it.
    """
    top1, top5 = published_results
    tiny = {
        "blocks" if key == DEPTH.get(name) else key: value
        for key, value in BACKBONES[name].tiny.items()
    }
    enlist = register(
        name,
        task="classification",
        published={"num_classes": 1000, "input_shape": (side, side, 3)},
        tiny={"num_classes": 3, "input_shape": (None, None, 3), **tiny},
        flops_size=(side, side),
        published_results=(
            PublishedResult("top-1", f"{top1} %", "ImageNet val", "the published weights' table"),
            PublishedResult("top-5", f"{top5} %", "ImageNet val", "the published weights' table"),
        ),
        **card,
    )
    return enlist(_builder(name, norm))


def _builder(backbone: str, default_norm: str) -> Callable[..., Model]:
    family = BACKBONES[backbone]

    def build(
        *,
        num_classes: int = 1000,
        input_shape: tuple[int | None, int | None, int] = (None, None, 3),
        norm: str | None = default_norm,
        width: float = 1.0,
        blocks: Any = None,
        dropout: float = 0.0,
        name: str = backbone,
    ) -> Model:
        if num_classes < 1 or not 0 <= dropout < 1:
            raise InputError(
                f"{backbone}: num_classes is at least 1 and dropout in [0, 1), not {num_classes} "
                f"and {dropout}."
            )
        images = keras.Input(input_shape, name="image")
        depth = {} if blocks is None else {DEPTH.get(backbone, "blocks"): blocks}
        maps = family.features(
            family.normalize(images), norm=norm, width=width, name=backbone, **depth
        )
        last = maps[max(maps)]
        if backbone == "vgg16" and last.shape[1:3] != (SIDE_OF_DENSE, SIDE_OF_DENSE):
            last = AdaptivePooling(SIDE_OF_DENSE, "mean", name="pool_to_dense")(last)
        if dropout:
            last = layers.Dropout(dropout, name="dropout")(last)
        style = {"norm": norm} if backbone == "mobilenet_v2" else {}
        logits = family.top({max(maps): last}, num_classes, width=width, name=backbone, **style)
        logits = layers.Activation("linear", dtype="float32", name="label")(logits)
        return Model(images, {"label": logits}, task="classification", name=name)

    build.__name__ = build.__qualname__ = backbone
    build.__doc__ = f"""{backbone} as a classifier.

    Args:
        num_classes: classes of the image.
        input_shape: height, width (None = any) and channels of the images, pixels 0…255.
        norm: `"batch"`, `"frozen"`, `"group"`, `"sync"` or `"none"`.
        width: factor on the channels.
        blocks: of each stage, as the backbone takes them; None for the published ones.
        dropout: share of the last map's values dropped in training, beside the paper's own.
        name: of the model.

    Returns:
        A model from (B, H, W, C) to `{{"label": logits}}` of shape (B, num_classes).

    Raises:
        InputError: an argument out of its range.
    """
    return build


vgg16 = classifier(
    "vgg16",
    norm="none",
    side=224,
    summary="thirteen 3×3 convolutions and three dense layers",
    paper=Paper(
        "K. Simonyan, A. Zisserman",
        "Very Deep Convolutional Networks for Large-Scale Image Recognition",
        "ICLR",
        2015,
    ),
    expected_parameters=138_357_544,
    published_results=("71.3", "90.1"),
    notes="Nine tenths of its weights are in the dense layers, which see 7×7 cells.",
)
resnet50 = classifier(
    "resnet50",
    norm="batch",
    side=224,
    summary="fifty layers learnable through identity shortcuts",
    paper=Paper(
        "K. He, X. Zhang, S. Ren, J. Sun",
        "Deep Residual Learning for Image Recognition",
        "CVPR",
        2016,
    ),
    expected_parameters=25_636_712,
    published_results=("74.9", "92.1"),
)
resnet101 = classifier(
    "resnet101",
    norm="batch",
    side=224,
    summary="ResNet-50 with twenty-three bottlenecks in its fourth stage",
    paper=Paper(
        "K. He, X. Zhang, S. Ren, J. Sun",
        "Deep Residual Learning for Image Recognition",
        "CVPR",
        2016,
    ),
    expected_parameters=44_707_176,
    published_results=("76.4", "92.8"),
)
darknet19 = classifier(
    "darknet19",
    norm="batch",
    side=224,
    summary="nineteen convolutions, the last of which is the classifier: YOLOv2's backbone",
    paper=Paper("J. Redmon, A. Farhadi", "YOLO9000: Better, Faster, Stronger", "CVPR", 2017),
    expected_parameters=20_842_376,
    published_results=("72.9", "91.2"),
)
densenet121 = classifier(
    "densenet121",
    norm="batch",
    side=224,
    summary="every layer of a block sees the maps of all layers before it",
    paper=Paper(
        "G. Huang, Z. Liu, L. van der Maaten, K. Weinberger",
        "Densely Connected Convolutional Networks",
        "CVPR",
        2017,
    ),
    expected_parameters=8_062_504,
    published_results=("75.0", "92.3"),
)
mobilenet_v2 = classifier(
    "mobilenet_v2",
    norm="batch",
    side=224,
    summary="depthwise convolutions in inverted residuals with linear bottlenecks, for phones",
    paper=Paper(
        "M. Sandler, A. Howard, M. Zhu, A. Zhmoginov, L.-C. Chen",
        "MobileNetV2: Inverted Residuals and Linear Bottlenecks",
        "CVPR",
        2018,
    ),
    expected_parameters=3_538_984,
    published_results=("71.3", "90.1"),
)
xception = classifier(
    "xception",
    norm="batch",
    side=299,
    summary="depthwise separable convolutions in residual blocks throughout",
    paper=Paper(
        "F. Chollet",
        "Xception: Deep Learning with Depthwise Separable Convolutions",
        "CVPR",
        2017,
    ),
    expected_parameters=22_910_480,
    published_results=("79.0", "94.5"),
)
