"""U-Net: encoder and decoder with skip connections (Ronneberger et al., MICCAI 2015)."""

from __future__ import annotations

from typing import Any

import keras
from keras import layers

from zoo.argument_checks import check_choice, check_input_size, check_minimum
from zoo.backbones import build_backbone
from zoo.cards import Paper, PublishedResult
from zoo.errors import InputError
from zoo.layers.normalization_policy import normalization, normalizes
from zoo.layers.padding import PadToMultiple
from zoo.model import Model
from zoo.registry import register
from zoo.segmentation.segmentation_head import segmentation_output
from zoo.valid_sizes import ValidSizes


@register(
    "unet",
    task="segmentation",
    summary="encoder and decoder of equal depth with a concatenated skip connection at every level",
    paper=Paper(
        "O. Ronneberger, P. Fischer, T. Brox",
        "U-Net: Convolutional Networks for Biomedical Image Segmentation",
        "MICCAI",
        2015,
    ),
    published={"num_classes": 2, "input_shape": (572, 572, 1), "padding": "valid", "norm": "none"},
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
        "By default convolutions are padded and images may have any size. padding='valid', "
        "norm='none' is the paper's network: 572×572 → 388×388."
    ),
)
def unet(
    *,
    num_classes: int = 2,
    input_shape: tuple[int | None, int | None, int] = (None, None, 3),
    backbone: str | None = None,
    norm: str = "batch",
    padding: str = "same",
    filters: int = 64,
    depth: int = 5,
    dropout: float = 0.5,
    width: float = 1.0,
    name: str = "unet",
) -> Model:
    """Builds U-Net.

    Args:
        num_classes: number of classes, including the background.
        input_shape: height, width and channels of the images; None for any height or width.
        backbone: name of a backbone of `zoo.backbones` as encoder; None for the paper's encoder.
        norm: normalization policy: `"batch"`, `"frozen"`, `"group"`, `"sync"` or `"none"` (paper).
        padding: padding of the convolutions: `"same"`, or `"valid"` (paper), with which the output
            is smaller than the input (188 + 16m → 4 + 16m pixels at depth 5).
        filters: filters of the first level, doubled at each further level.
        depth: number of encoder levels, each at half the resolution of the one before.
        dropout: dropout rate after the lowest level, in [0, 1).
        width: width multiplier of the backbone.
        name: name of the model.

    Returns:
        A model from images (B, H, W, C) in [0, 255] to `{"segmentation": logits}`, logits
        (B, H, W, num_classes).

    Raises:
        InputError: if an argument is out of its range, or `padding="valid"` does not allow a size;
            the message names the nearest sizes that are allowed.
    """
    check_choice("padding", padding, ("same", "valid"))
    check_minimum(1, num_classes=num_classes, filters=filters)
    check_minimum(2, depth=depth)
    images = keras.Input(input_shape, name="image")
    style: dict[str, Any] = {"norm": norm, "padding": padding}
    sizes = valid_sizes(depth) if padding == "valid" else None
    if sizes is not None:
        check_input_size(input_shape, sizes)
    if backbone is None:
        x = PadToMultiple(2 ** (depth - 1), name="pad")(images) if sizes is None else images
        x = layers.Rescaling(1 / 127.5, offset=-1.0, name="rescale")(x)
        x = _encode_and_decode(x, filters, depth, dropout, style)
    elif padding == "valid":
        raise InputError("padding must be 'same' with a backbone, not 'valid'.")
    else:
        x = _decode_backbone(images, backbone, filters, style, width)
    x = layers.Conv2D(num_classes, 1, kernel_initializer=_initializer(), name="logits")(x)
    x = segmentation_output(x, images if padding == "same" else None)
    return Model(images, {"segmentation": x}, task="segmentation", sizes=sizes, name=name)


def _encode_and_decode(x, filters: int, depth: int, dropout: float, style: dict[str, Any]):
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


def _decode_backbone(images, backbone: str, filters: int, style: dict[str, Any], width: float):
    """Applies a decoder of the same kind to the feature maps of a backbone."""
    x = PadToMultiple(32, name="pad")(images)
    maps = build_backbone(backbone, x, norm=style["norm"], width=width)
    levels = sorted(maps)
    x = maps[levels[-1]]
    for level in reversed(range(levels[-1])):
        x = _up(x, maps.get(level), min(filters * 2**level, 256), level + 1, style)
    return x


def _up(x, skip, filters: int, level: int, style: dict[str, Any]):
    """A 2×2 up-convolution, concatenation with the skip connection if any, two convolutions."""
    x = layers.Conv2DTranspose(
        filters, 2, strides=2, kernel_initializer=_initializer(), name=f"up{level}"
    )(x)
    if skip is not None:
        x = layers.Concatenate(name=f"join{level}")([skip, x])
    return _two_convolutions(x, filters, f"up{level}", **style)


def _two_convolutions(x, filters: int, name: str, norm: str, padding: str):
    for number in (1, 2):
        x = layers.Conv2D(
            filters,
            3,
            padding=padding,
            use_bias=not normalizes(norm),
            kernel_initializer=_initializer(),
            name=f"{name}_conv{number}",
        )(x)
        x = normalization(norm, name=f"{name}_norm{number}")(x)
        x = layers.Activation("relu", name=f"{name}_relu{number}")(x)
    return x


def _initializer() -> keras.initializers.Initializer:
    """The paper's N(0, √(2/N)), N = fan-in; a new object per layer, as one repeats its values."""
    return keras.initializers.VarianceScaling(2.0, "fan_in", "untruncated_normal")


def valid_sizes(depth: int) -> ValidSizes:
    """Returns the input sizes allowed by valid convolutions.

    A side is n · (side of the lowest maps) + 8n − 4 with n = 2^(depth − 1).
    """
    n = 2 ** (depth - 1)
    # The smallest lowest maps whose decoder output is not empty.
    lowest = 4 * (n - 1) // n + 1
    return ValidSizes(base=n * lowest + 8 * n - 4, step=n, margin=6 * n - 4)
