"""FCN-32s, FCN-16s and FCN-8s (Long, Shelhamer & Darrell, CVPR 2015)."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import keras
from keras import layers

from zoo.argument_checks import check_choice, check_minimum
from zoo.backbones import find_backbone
from zoo.backbones.backbone import scaled
from zoo.cards import Paper, PublishedResult
from zoo.errors import InputError
from zoo.layers.bilinear import BilinearInitializer
from zoo.layers.conv_blocks import conv_block
from zoo.layers.normalization_policy import normalizes
from zoo.layers.padding import CropLike, PadToMultiple
from zoo.layers.transposed_conv import TransposedConv2D
from zoo.layers.unpooling import BilinearUnpooling
from zoo.model import Model
from zoo.registry import register
from zoo.segmentation.segmentation_head import segmentation_output

_PAPER = Paper(
    "J. Long, E. Shelhamer, T. Darrell",
    "Fully Convolutional Networks for Semantic Segmentation",
    "CVPR",
    2015,
)

# With a border of 100 zeros, cell j of fc7 is centered on pixel 32j + 12.5 and cell m of pool4
# (pool3) on 16m − 91.5 (8m − 95.5). These first lines are outside the coarser map or the image.
_SKIP_LINES = {4: 5, 3: 9}
_SCORE_LINES = {32: 3, 16: 19, 8: 27}


def _fcn(
    stride: int,
    *,
    num_classes: int = 21,
    input_shape: tuple[int | None, int | None, int] = (None, None, 3),
    backbone: str = "vgg16",
    norm: str = "batch",
    padding: str = "same",
    upsampling: str = "bilinear",
    head_filters: int = 4096,
    dropout: float = 0.5,
    width: float = 1.0,
    name: str,
) -> Model:
    """Builds FCN: logits of the last feature map, upsampled and summed with those of finer maps.

    Args:
        num_classes: number of classes, including the background.
        input_shape: height, width and channels of the images; None for any height or width.
        backbone: name of a backbone of `zoo.backbones`. `"vgg16"` (paper) is followed by fc6 and
            fc7; of others the last feature map is classified directly.
        norm: normalization policy: `"batch"`, `"frozen"`, `"group"`, `"sync"` or `"none"` (paper).
        padding: `"same"` pads the image to a multiple of 32 and fc6 by three cells; `"border"`
            (paper, VGG16 only) adds 100 zeros to every side of the image, does not pad fc6 and
            crops the result.
        upsampling: last upsampling: `"bilinear"` (paper), or `"transpose"`, a transposed
            convolution initialized as bilinear, which the earlier upsamplings always are.
        head_filters: filters of fc6 and fc7 at width 1.
        dropout: dropout rate after fc6 and fc7, in [0, 1).
        width: width multiplier of the convolutions.
        name: name of the model.

    Returns:
        A model from images (B, H, W, C) in [0, 255] to `{"segmentation": logits}`, logits
        (B, H, W, num_classes).

    Raises:
        InputError: if an argument is out of its range.
    """
    check_minimum(1, num_classes=num_classes, head_filters=head_filters)
    check_choice("padding", padding, ("same", "border"))
    check_choice("upsampling", upsampling, ("bilinear", "transpose"))
    bordered = padding == "border"
    if bordered and backbone != "vgg16":
        raise InputError(f"backbone must be 'vgg16' with padding='border', not {backbone!r}.")
    images = keras.Input(input_shape, name="image")
    x, maps = _features(images, backbone, norm, width, bordered)
    if backbone == "vgg16":
        style: dict[str, Any] = {"norm": norm, "padding": "valid" if bordered else "same"}
        x = _fully_connected(x, scaled(head_filters, width), dropout, style)
    x = _score(x, num_classes, "score5")
    for level in range(4, stride.bit_length() - 2, -1):
        x = _transposed(x, 4, 2, 0 if bordered else "same", f"double{level}")
        x = _add_skip(x, maps[level], level, bordered)
    x = _upsample(x, stride, upsampling)
    if bordered:
        first = _SCORE_LINES[stride]
        x = layers.Cropping2D(((first, 0), (first, 0)), name="border_crop")(x)
    outputs = {"segmentation": segmentation_output(x, images)}
    return Model(images, outputs, task="segmentation", name=name)


def _architecture(
    name: str, stride: int, expected_parameters: int, results: tuple[str, ...]
) -> Callable[..., Model]:
    """Registers one of the paper's three strides and returns its builder."""
    builder: Any = functools.partial(_fcn, stride, name=name)
    builder.__name__ = builder.__qualname__ = name
    builder.__doc__, builder.__module__ = _fcn.__doc__, __name__
    tiny: dict[str, Any] = {"num_classes": 3, "width": 0.06, "head_filters": 256}
    if stride == 32:
        # Bilinear upsampling from one cell cannot separate the halves of a tiny image.
        tiny["upsampling"] = "transpose"
    metrics = ("pixel accuracy", "mean class accuracy", "mean IoU", "frequency-weighted IoU")
    return register(
        name,
        task="segmentation",
        summary=f"fully convolutional VGG16, logits summed down to stride {stride}, then bilinear",
        paper=_PAPER,
        published={"num_classes": 21, "norm": "none", "padding": "border"},
        tiny=tiny,
        expected_parameters=expected_parameters,
        paper_parameters="134 M",
        flops_size=(500, 500),
        published_results=tuple(
            PublishedResult(metric, f"{value} %", "VOC 2011 val subset (736)", "paper")
            for metric, value in zip(metrics, results, strict=True)
        ),
        notes=(
            "The paper starts from a trained VGG16 without normalization, which norm='none', "
            "weights='imagenet' gives. padding='border' is the paper's padding, which computes "
            "about 200 rows and columns more than the image has."
        ),
    )(builder)


def _features(images, backbone: str, norm: str, width: float, bordered: bool):
    """Returns the map of stride 32 and {level: map} of the finer maps."""
    family = find_backbone(backbone)
    x = family.normalize(images)
    if bordered:
        # The padding of conv1_1 is the hundredth line.
        x = layers.ZeroPadding2D(99, name="border")(x)
    x = PadToMultiple(32, mode="zero" if bordered else "reflect", name="pad")(x)
    if backbone != "vgg16":
        maps = family.features(x, norm=norm, width=width)
        return maps[max(maps)], maps
    # A bias before a normalization has no effect.
    maps = family.features(x, norm=norm, width=width, use_bias=not normalizes(norm))
    pools = {
        level: layers.MaxPooling2D(2, name=f"pool{level}")(maps[level - 1]) for level in (3, 4)
    }
    return maps[5], pools


def _fully_connected(x, filters: int, dropout: float, style: dict[str, Any]):
    for layer, kernel_size in (("fc6", 7), ("fc7", 1)):
        x = conv_block(x, filters, kernel_size, name=layer, **style)
        x = layers.Dropout(dropout, name=f"{layer}_drop")(x)
    return x


def _score(x, num_classes: int, name: str):
    return layers.Conv2D(num_classes, 1, kernel_initializer="zeros", name=name)(x)


def _transposed(x, kernel_size: int, stride: int, padding: str | int, name: str):
    return TransposedConv2D(
        x.shape[-1],
        kernel_size,
        stride,
        padding=padding,
        use_bias=False,
        kernel_initializer=BilinearInitializer(),
        name=name,
    )(x)


def _add_skip(x, skip, level: int, bordered: bool):
    skip = _score(skip, x.shape[-1], f"score{level}")
    if bordered:
        first = _SKIP_LINES[level]
        skip = layers.Cropping2D(((first, 0), (first, 0)), name=f"skip_border_crop{level}")(skip)
        skip = CropLike(name=f"skip_crop{level}")([skip, x])
    return layers.Add(name=f"sum{level}")([x, skip])


def _upsample(x, stride: int, upsampling: str):
    if upsampling == "bilinear":
        return BilinearUnpooling(stride, name="enlarge")(x)
    return _transposed(x, 2 * stride, stride, "same", "enlarge")


fcn32s = _architecture("fcn32s", 32, 134_346_581, ("89.1", "73.3", "59.4", "81.4"))
fcn16s = _architecture("fcn16s", 16, 134_364_410, ("90.0", "75.7", "62.4", "83.0"))
fcn8s = _architecture("fcn8s", 8, 134_376_863, ("90.3", "75.9", "62.7", "83.2"))
