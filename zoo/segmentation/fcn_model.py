"""FCN-32s, -16s and -8s: a classifier made convolutional, scores summed over scales.

Long, Shelhamer & Darrell, CVPR 2015.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import keras
from keras import layers

from zoo.backbones import find_backbone
from zoo.backbones.feature_contract import scaled
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

_PAPER = Paper(
    "J. Long, E. Shelhamer, T. Darrell",
    "Fully Convolutional Networks for Semantic Segmentation",
    "CVPR",
    2015,
)

# With 100 zeros around the image cell j of fc7 stands on pixel 32j + 12.5 and cell m of pool4
# (pool3) on 16m − 91.5 (8m − 95.5). These first lines fall outside the coarser map or the image.
_SKIP_LINES = {4: 5, 3: 9}
_SCORE_LINES = {32: 3, 16: 19, 8: 27}


def _fcn(
    stride: int,
    *,
    num_classes: int = 21,
    input_shape: tuple[int | None, int | None, int] = (None, None, 3),
    backbone: str = "vgg16",
    norm: str | None = "batch",
    padding: str = "same",
    upsampling: str = "fixed",
    head: int = 4096,
    dropout: float = 0.5,
    width: float = 1.0,
    name: str,
) -> Model:
    """FCN: scores of the last map, doubled and summed with the scores of finer ones.

    Args:
        num_classes: classes, background included.
        input_shape: height, width (None = any) and channels of the images, pixels 0…255.
        backbone: `"vgg16"`, the paper's, with its fc6 and fc7 as convolutions, or another
            name of `zoo.backbones`, whose last map is scored as it is.
        norm: `"batch"`, `"frozen"`, `"group"`, `"sync"` or `"none"` (the paper has none).
        padding: `"same"` pads the image to a multiple of 32 and fc6 by three cells;
            `"border"` is the paper's form: 100 zeros on every side of the image, fc6
            unpadded, the middle cut out. Any size is taken by both.
        upsampling: of the last step: `"fixed"` is bilinear, as in the paper; `"learned"` is a
            transposed convolution that starts bilinear, as the steps before it are.
        head: maps of fc6 and fc7, times `width`.
        dropout: share of fc6's and fc7's values dropped in training.
        width: factor on the channels.
        name: of the model.

    Returns:
        A model from (B, H, W, C) to `{"segmentation": logits}` of shape (B, H, W, num_classes).

    Raises:
        InputError: an unknown padding, upsampling or backbone, num_classes or head below 1,
            or padding `"border"` with another backbone than VGG16.
    """
    _check(num_classes, head, backbone, padding, upsampling)
    bordered = padding == "border"
    images = keras.Input(input_shape, name="image")
    x, maps = _features(images, backbone, norm, width, bordered)
    if backbone == "vgg16":
        style: dict[str, Any] = {"norm": norm, "padding": "valid" if bordered else "same"}
        x = _fully_connected(x, scaled(head, width), dropout, style)
    x = _score(x, num_classes, "score5")
    finest = stride.bit_length() - 1
    for level in range(4, finest - 1, -1):
        x = _double(x, level, bordered)
        x = _add_skip(x, maps[level], level, bordered)
    x = _enlarge(x, stride, upsampling)
    if bordered:
        first = _SCORE_LINES[stride]
        x = layers.Cropping2D(((first, 0), (first, 0)), name="border_crop")(x)
    x = CropLike(name="crop")([x, images])
    x = layers.Activation("linear", dtype="float32", name="segmentation")(x)
    return Model(images, {"segmentation": x}, task="segmentation", name=name)


def _architecture(
    name: str, stride: int, expected_parameters: int, figures: tuple[str, ...]
) -> Callable[..., Model]:
    """Registers one of the paper's three strides and returns its builder."""
    builder: Any = functools.partial(_fcn, stride, name=name)
    builder.__name__ = builder.__qualname__ = name
    builder.__doc__, builder.__module__ = _fcn.__doc__, __name__
    tiny: dict[str, Any] = {"num_classes": 3, "width": 0.06, "head": 256}
    if stride == 32:
        # One fixed bilinear cell could not tell the halves of a tiny image apart.
        tiny["upsampling"] = "learned"
    metrics = ("pixel accuracy", "mean class accuracy", "mean IoU", "frequency-weighted IoU")
    return register(
        name,
        task="segmentation",
        summary=f"VGG16 as a convolution, scores summed down to stride {stride}, then bilinear",
        paper=_PAPER,
        published={"num_classes": 21, "norm": "none", "padding": "border"},
        tiny=tiny,
        expected_parameters=expected_parameters,
        paper_parameters="134 M",
        flops_size=(500, 500),
        published_results=tuple(
            PublishedResult(metric, f"{value} %", "VOC 2011 val subset (736)", "paper")
            for metric, value in zip(metrics, figures, strict=True)
        ),
        notes=(
            "The paper starts from a trained VGG16 without normalisation; with norm='none' "
            "published VGG16 weights fit. padding='border' is the paper's form, which computes "
            "about 200 lines and columns more than the image has."
        ),
    )(builder)


def _features(images, backbone: str, norm: str | None, width: float, bordered: bool):
    """The map of stride 32, and {level: map} of the finer ones that are scored."""
    family = find_backbone(backbone)
    x = family.normalize(images)
    if bordered:
        # conv1_1's own padding is the hundredth line.
        x = layers.ZeroPadding2D(99, name="border")(x)
    x = PadToMultiple(32, mode="zero" if bordered else "reflect", name="pad")(x)
    if backbone != "vgg16":
        maps = family.features(x, norm=norm, width=width)
        return maps[max(maps)], maps
    # A bias in front of a normalisation has no effect.
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


def _double(x, level: int, bordered: bool):
    return TransposedConv2D(
        x.shape[-1],
        4,
        2,
        padding=0 if bordered else "same",
        use_bias=False,
        kernel_initializer=BilinearInitializer(),
        name=f"double{level}",
    )(x)


def _add_skip(x, skip, level: int, bordered: bool):
    skip = _score(skip, x.shape[-1], f"score{level}")
    if bordered:
        first = _SKIP_LINES[level]
        skip = layers.Cropping2D(((first, 0), (first, 0)), name=f"skip_border_crop{level}")(skip)
        skip = CropLike(name=f"skip_crop{level}")([skip, x])
    return layers.Add(name=f"sum{level}")([x, skip])


def _enlarge(x, stride: int, upsampling: str):
    if upsampling == "fixed":
        return BilinearUnpooling(stride, name="enlarge")(x)
    return TransposedConv2D(
        x.shape[-1],
        2 * stride,
        stride,
        use_bias=False,
        kernel_initializer=BilinearInitializer(),
        name="enlarge",
    )(x)


def _check(num_classes: int, head: int, backbone: str, padding: str, upsampling: str) -> None:
    find_backbone(backbone)
    if num_classes < 1 or head < 1:
        raise InputError("fcn: num_classes and head are at least 1.")
    if padding not in ("same", "border"):
        raise InputError(f"fcn: padding is 'same' or 'border', not {padding!r}.")
    if upsampling not in ("fixed", "learned"):
        raise InputError(f"fcn: upsampling is 'fixed' or 'learned', not {upsampling!r}.")
    if padding == "border" and backbone != "vgg16":
        raise InputError("fcn: padding='border' goes with backbone='vgg16' only.")


fcn32s = _architecture("fcn32s", 32, 134_346_581, ("89.1", "73.3", "59.4", "81.4"))
fcn16s = _architecture("fcn16s", 16, 134_364_410, ("90.0", "75.7", "62.4", "83.0"))
fcn8s = _architecture("fcn8s", 8, 134_376_863, ("90.3", "75.9", "62.7", "83.2"))
