"""The 36-layer Xception (Chollet, *Xception*, CVPR 2017), in the form of Keras' weights."""

from __future__ import annotations

from keras import layers

from zoo.backbones.feature_contract import (
    Backbone,
    Strides,
    check_output_stride,
    conv_norm,
    normalize_to_unit,
    pooled_logits,
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
    """Levels 1: stem; 2, 3: entry blocks (128, 256); 4: middle flow (728); 5: exit (2048).

    Args:
        x: normalised pixels (N, H, W, C).
        norm: normalisation policy.
        output_stride: with 16 or 8 later pools keep the size and the convolutions behind them get
            rates.
        width: factor on the channels.
        middle_blocks: blocks of the middle flow.
        stem_padding: "valid" is the published form, whose maps are a few pixels smaller than the
            nominal stride says; "same" is not.
    """
    strides = Strides(check_output_stride(output_stride, "xception"))
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
            norm_name=f"{name}_block1_conv{index}_norm",
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
    """Two separable convolutions and a pool, beside a strided 1x1 convolution."""
    style = {"norm": norm, "strides": strides, "width": width}
    entry = x
    x = _separable(x, filters[0], f"{name}_sepconv1", **style, activate_first=activate_first)
    x = _separable(x, filters[1], f"{name}_sepconv2", **style)
    stride, _ = strides.next(2)
    x = layers.MaxPooling2D(3, strides=stride, padding="same", name=f"{name}_pool")(x)
    shortcut = conv_norm(
        entry,
        scaled(filters[1], width),
        1,
        stride=stride,
        norm=norm,
        conv_name=f"{name}_shortcut",
        norm_name=f"{name}_shortcut_norm",
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


def normalize(x):
    """Pixels 0...255 -> -1...1."""
    return normalize_to_unit(x)


def top(maps, num_classes: int = 1000, *, width: float = 1.0, name: str = "xception"):
    """Mean over the map and the class logits (N, num_classes); `width` has no effect here."""
    return pooled_logits(maps[5], num_classes, name)


XCEPTION = Backbone(
    "xception",
    features,
    normalize,
    top,
    channels={1: 64, 2: 128, 3: 256, 4: 728, 5: 2048},
    tiny={"width": 0.03125, "middle_blocks": 1},
)
