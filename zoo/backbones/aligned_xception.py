"""Aligned Xception-65, the backbone of DeepLabv3+ (Chen et al., ECCV 2018).

Strided convolutions replace the poolings, and the padding is symmetric, which keeps pixels aligned
at any dilation rate.
"""

from __future__ import annotations

from keras import layers

from zoo.backbones.backbone import (
    Backbone,
    Strides,
    check_output_stride,
    normalize_to_unit,
    pooled_top,
    scaled,
)
from zoo.layers.conv_blocks import conv_block, separable_conv_block


def features(
    x,
    *,
    norm: str | None = "batch",
    output_stride: int = 32,
    width: float = 1.0,
    middle_blocks: int = 16,
    name: str = "xception65",
) -> dict[int, object]:
    """Returns the maps of levels 1 to 3 (entry flow), 4 (middle flow) and 5 (exit flow).

    Levels 1 to 3 are before the activation; level 2, with 256 channels, is the low-level map of
    DeepLabv3+'s decoder.

    Args:
        middle_blocks: blocks of the middle flow.
    """
    strides = Strides(check_output_stride(output_stride))
    style = {"norm": norm, "strides": strides, "width": width}
    for index, (filters, nominal) in enumerate(((32, 2), (64, 1)), start=1):
        x = conv_block(
            x,
            scaled(filters, width),
            stride=strides.next(nominal)[0],
            norm=norm,
            padding="symmetric",
            name=f"{name}_stem{index}",
        )
    maps = {}
    for level, filters in enumerate((128, 256, 728), start=1):
        x, maps[level] = _block(x, (filters,) * 3, 2, "conv", f"{name}_entry{level}", **style)
    for block in range(1, middle_blocks + 1):
        x, _ = _block(x, (728,) * 3, 1, "sum", f"{name}_middle{block}", **style)
    maps[4] = x
    x, _ = _block(x, (728, 1024, 1024), 2, "conv", f"{name}_exit1", **style)
    maps[5], _ = _block(x, (1536, 1536, 2048), 1, "none", f"{name}_exit2", **style)
    return maps


def _block(x, channels, nominal, skip, name, *, norm, strides, width):
    """Three separable convolutions, the last with the stride; also returns the second's output.

    Only a block without a skip has its ReLUs inside the separable convolutions.
    """
    inside = skip == "none"
    stride, rate = strides.next(nominal)
    entry, second = x, None
    for index, filters in enumerate(channels, start=1):
        if not inside:
            x = layers.Activation("relu", name=f"{name}_relu{index}")(x)
        x = separable_conv_block(
            x,
            scaled(filters, width),
            stride=stride if index == 3 else 1,
            rate=rate,
            norm=norm,
            activation="relu" if inside else None,
            depthwise_activation="relu" if inside else None,
            padding="symmetric",
            name=f"{name}_sep{index}",
        )
        second = x if index == 2 else second
    if skip == "conv":
        entry = conv_block(
            entry,
            scaled(channels[-1], width),
            1,
            stride=stride,
            norm=norm,
            activation=None,
            name=f"{name}_skip",
        )
    if skip != "none":
        x = layers.Add(name=f"{name}_add")([x, entry])
    return x, second


XCEPTION65 = Backbone(
    "xception65",
    features,
    normalize_to_unit,
    pooled_top("xception65"),
    tiny={"width": 0.03125, "middle_blocks": 1},
)
