"""The 36-layer Xception (Chollet, *Xception*, CVPR 2017), as in Keras' weights."""

from __future__ import annotations

from keras import layers

from zoo.backbones.backbone import (
    Backbone,
    Strides,
    check_output_stride,
    conv_norm,
    normalize_to_unit,
    pooled_top,
    scaled,
)
from zoo.layers.normalization_policy import normalization, normalizes


def features(
    x,
    *,
    norm: str | None = "batch",
    output_stride: int = 32,
    width: float = 1.0,
    middle_blocks: int = 8,
    stem_padding: str = "valid",
    name: str = "xception",
) -> dict[int, object]:
    """Returns the maps of level 1 (stem), 2 and 3 (entry flow), 4 (middle flow), 5 (exit flow).

    Args:
        middle_blocks: blocks of the middle flow.
        stem_padding: padding of the stem, `"valid"` as published, with maps a few pixels smaller
            than their nominal size, or `"same"`.
    """
    strides = Strides(check_output_stride(output_stride))
    style = {"norm": norm, "strides": strides, "width": width}
    for index, (filters, nominal) in enumerate(((32, 2), (64, 1)), start=1):
        x = conv_norm(
            x,
            scaled(filters, width),
            3,
            stride=strides.next(nominal)[0],
            padding=stem_padding,
            norm=norm,
            activation="relu",
            conv_name=f"{name}_block1_conv{index}",
        )
    maps = {1: x}
    x = _down(x, (128, 128), f"{name}_block2", **style, activate_first=False)
    maps[2] = x
    x = _down(x, (256, 256), f"{name}_block3", **style)
    maps[3] = x
    x = _down(x, (728, 728), f"{name}_block4", **style)
    for block in range(5, 5 + middle_blocks):
        entry = x
        for index in (1, 2, 3):
            x = _separable(x, 728, f"{name}_block{block}_sepconv{index}", **style)
        x = layers.Add(name=f"{name}_block{block}_add")([x, entry])
    maps[4] = x
    last = 5 + middle_blocks
    x = _down(x, (728, 1024), f"{name}_block{last}", **style)
    for index, filters in enumerate((1536, 2048), start=1):
        layer = f"{name}_block{last + 1}_sepconv{index}"
        x = _separable(x, filters, layer, **style, activate_first=False)
        x = layers.Activation("relu", name=f"{layer}_act")(x)
    maps[5] = x
    return maps


def _down(x, filters, name, *, norm, strides, width, activate_first=True):
    """Two separable convolutions and a pooling, added to a strided 1×1 convolution."""
    style = {"norm": norm, "strides": strides, "width": width}
    entry = x
    x = _separable(x, filters[0], f"{name}_sepconv1", **style, activate_first=activate_first)
    x = _separable(x, filters[1], f"{name}_sepconv2", **style)
    stride, _ = strides.next(2)
    x = layers.MaxPooling2D(3, strides=stride, padding="same", name=f"{name}_pool")(x)
    shortcut = conv_norm(
        entry, scaled(filters[1], width), 1, stride=stride, norm=norm, conv_name=f"{name}_shortcut"
    )
    return layers.Add(name=f"{name}_add")([x, shortcut])


def _separable(x, filters, name, *, norm, strides, width, activate_first=True):
    if activate_first:
        x = layers.Activation("relu", name=f"{name}_act")(x)
    x = layers.SeparableConv2D(
        scaled(filters, width),
        3,
        padding="same",
        dilation_rate=strides.rate,
        use_bias=not normalizes(norm),
        name=name,
    )(x)
    return normalization(norm, f"{name}_norm")(x)


XCEPTION = Backbone(
    "xception",
    features,
    normalize_to_unit,
    pooled_top("xception"),
    tiny={"width": 0.03125, "middle_blocks": 1},
)
