"""U-Net: an encoder, a decoder, and a skip at every level (Ronneberger et al., MICCAI 2015)."""

from __future__ import annotations

from typing import Any

import keras
from keras import layers

from zoo.backbones import build_backbone
from zoo.cards import Paper, PublishedResult
from zoo.errors import InputError
from zoo.layers.normalization_policy import normalization
from zoo.layers.resize import CropLike, PadToMultiple
from zoo.model import Model, ValidSizes
from zoo.registry import register


@register(
    "unet",
    task="segmentation",
    summary="encoder and decoder of equal depth with a concatenated skip at every level",
    paper=Paper(
        "O. Ronneberger, P. Fischer, T. Brox",
        "U-Net: Convolutional Networks for Biomedical Image Segmentation",
        "MICCAI",
        2015,
    ),
    published={
        "num_classes": 2,
        "input_shape": (572, 572, 1),
        "padding": "valid",
        "norm": "none",
    },
    expected_parameters=31_030_658,
    flops_size=(572, 572),
    tiny={"num_classes": 3, "input_shape": (None, None, 3), "filters": 8, "depth": 3},
    published_results=(
        PublishedResult(
            "warping error", "0.0003529", "ISBI 2012 EM, 7 rotations averaged", "paper"
        ),
        PublishedResult("Rand error", "0.0382", "ISBI 2012 EM, 7 rotations averaged", "paper"),
        PublishedResult("IoU", "92.03 %", "PhC-U373", "paper"),
        PublishedResult("IoU", "77.56 %", "DIC-HeLa", "paper"),
    ),
    notes=(
        "By default convolutions pad and any height and width is taken; padding='valid', "
        "norm='none' is the paper's form, 572×572 → 388×388."
    ),
)
def unet(
    *,
    num_classes: int = 2,
    input_shape: tuple[int | None, int | None, int] = (None, None, 3),
    backbone: str | None = None,
    norm: str | None = "batch",
    padding: str = "same",
    filters: int = 64,
    depth: int = 5,
    dropout: float = 0.5,
    width: float = 1.0,
    name: str = "unet",
) -> Model:
    """U-Net.

    Args:
        num_classes: classes, background included.
        input_shape: height, width (None = any) and channels of the images, pixels 0…255.
        backbone: None for the paper's encoder, or a name of `zoo.backbones` whose feature maps the
            decoder joins.
        norm: `"batch"`, `"frozen"`, `"group"`, `"sync"` or `"none"` (the paper has none).
        padding: `"same"` keeps the size; `"valid"` is the paper's form, whose output is smaller
            than its input (188 + 16m → 4 + 16m at depth 5).
        filters: maps of the first level; they double at each level.
        depth: levels, the lowest included.
        dropout: share of the lowest level's values dropped in training.
        width: factor on the backbone's channels.
        name: of the model.

    Returns:
        A model from (B, H, W, C) to `{"segmentation": logits}` of shape (B, H, W, num_classes).

    Raises:
        InputError: a size that valid convolutions cannot take (the message names the nearest legal
            ones), an unknown padding, or a backbone asked for with valid convolutions.
    """
    if padding not in ("same", "valid"):
        raise InputError(f"unet: padding is 'same' or 'valid', not {padding!r}.")
    if num_classes < 1 or depth < 2 or filters < 1:
        raise InputError("unet: num_classes and filters are at least 1, depth at least 2.")
    images = keras.Input(input_shape, name="image")
    style: dict[str, Any] = {"norm": norm, "padding": padding}
    if backbone is not None:
        if padding == "valid":
            raise InputError("unet: a backbone goes with padding='same' only.")
        x, sizes = _with_backbone(images, backbone, filters, style, width), None
    elif padding == "valid":
        sizes = _check_sizes(input_shape, depth)
        x = layers.Rescaling(1 / 127.5, offset=-1.0, name="rescale")(images)
        x = _body(x, filters, depth, dropout, style)
    else:
        sizes = None
        x = PadToMultiple(2 ** (depth - 1), name="pad")(images)
        x = layers.Rescaling(1 / 127.5, offset=-1.0, name="rescale")(x)
        x = _body(x, filters, depth, dropout, style)
    x = layers.Conv2D(num_classes, 1, kernel_initializer=_initializer(), name="logits")(x)
    if padding == "same":
        x = CropLike(name="crop")([x, images])
    outputs = {"segmentation": layers.Activation("linear", dtype="float32", name="segmentation")(x)}
    return Model(images, outputs, task="segmentation", sizes=sizes, name=name)


def _body(x, filters: int, depth: int, dropout: float, style: dict[str, Any]):
    skips = []
    for level in range(1, depth):
        x = _two_convolutions(x, filters * 2 ** (level - 1), f"down{level}", **style)
        skips.append(x)
        x = layers.MaxPooling2D(2, name=f"pool{level}")(x)
    x = _two_convolutions(x, filters * 2 ** (depth - 1), f"down{depth}", **style)
    x = layers.Dropout(dropout, name="dropout")(x)
    for level in range(depth - 1, 0, -1):
        skip = skips[level - 1]
        if style["padding"] == "valid":
            border = 2 * valid_sizes(depth - level).margin
            skip = layers.Cropping2D(border, name=f"cut{level}")(skip)
        x = _up(x, skip, filters * 2 ** (level - 1), level, style)
    return x


def _with_backbone(images, backbone: str, filters: int, style: dict[str, Any], width: float):
    """A decoder of the same form on the feature maps of a classification network."""
    x = PadToMultiple(32, name="pad")(images)
    maps = build_backbone(backbone, x, norm=style["norm"], width=width)
    levels = sorted(maps)
    x = maps[levels[-1]]
    for place, level in reversed(list(enumerate(range(levels[-1])))):
        x = _up(x, maps.get(level), min(filters * 2**place, 256), level + 1, style)
    return x


def _up(x, skip, filters: int, level: int, style: dict[str, Any]):
    """A 2×2 up-convolution, the skip joined where there is one, two convolutions."""
    x = layers.Conv2DTranspose(
        filters, 2, strides=2, kernel_initializer=_initializer(), name=f"up{level}"
    )(x)
    if skip is not None:
        x = layers.Concatenate(name=f"join{level}")([skip, x])
    return _two_convolutions(x, filters, f"up{level}", **style)


def _two_convolutions(x, filters: int, name: str, norm: str | None, padding: str):
    plain = norm in (None, "none")
    for number in (1, 2):
        x = layers.Conv2D(
            filters,
            3,
            padding=padding,
            use_bias=plain,
            kernel_initializer=_initializer(),
            name=f"{name}_conv{number}",
        )(x)
        x = normalization(norm, name=f"{name}_norm{number}")(x)
        x = layers.Activation("relu", name=f"{name}_relu{number}")(x)
    return x


def _initializer() -> keras.initializers.Initializer:
    """The paper's N(0, √(2/N)), N = fan-in; a new one each time, as one alone repeats itself."""
    return keras.initializers.VarianceScaling(2.0, "fan_in", "untruncated_normal")


def valid_sizes(depth: int) -> ValidSizes:
    """Legal inputs of the valid form: n·(side of the lowest maps) + 8n − 4, n = 2^(depth − 1)."""
    n = 2 ** (depth - 1)
    # The smallest lowest maps that are not used up on the way back.
    lowest = 4 * (n - 1) // n + 1
    return ValidSizes(base=n * lowest + 8 * n - 4, step=n, margin=6 * n - 4)


def _check_sizes(input_shape, depth: int) -> ValidSizes:
    sizes = valid_sizes(depth)
    for side in input_shape[:2]:
        if side is not None and not sizes.legal(side):
            raise InputError(
                f"unet: valid convolutions of depth {depth} cannot take a side of {side}; "
                f"the nearest that they can: {sizes.nearest(side)}."
            )
    return sizes
