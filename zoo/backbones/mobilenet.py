"""MobileNetV2 (Sandler et al., *Inverted Residuals and Linear Bottlenecks*, CVPR 2018)."""

from __future__ import annotations

from collections.abc import Sequence

from keras import layers

from zoo.backbones.backbone import (
    Backbone,
    Strides,
    check_blocks,
    check_output_stride,
    conv_norm,
    normalize_to_unit,
    pooled_logits,
    scaled,
)
from zoo.layers.normalization_policy import normalization, normalizes

# Expansion, channels, repeats, stride of the first block.
STAGES = (
    (1, 16, 1, 1),
    (6, 24, 2, 2),
    (6, 32, 3, 2),
    (6, 64, 4, 2),
    (6, 96, 3, 1),
    (6, 160, 3, 2),
    (6, 320, 1, 1),
)
REPEATS = tuple(stage[2] for stage in STAGES)


def features(
    x,
    *,
    norm: str | None = "batch",
    output_stride: int = 32,
    width: float = 1.0,
    blocks: Sequence[int] = REPEATS,
    name: str = "mobilenet_v2",
) -> dict[int, object]:
    """Returns the last linear bottlenecks of levels 1 to 5 (16, 24, 32, 96 and 320 channels).

    Args:
        width: width multiplier, the paper's alpha.
        blocks: bottlenecks per stage, seven numbers.
    """
    strides = Strides(check_output_stride(output_stride))
    x = _conv(x, scaled(32, width), 3, f"{name}_Conv1", norm, stride=strides.next(2)[0])
    maps, level, index = {}, 1, 0
    repeats = check_blocks(blocks, len(STAGES))
    for (expansion, channels, _, nominal), depth in zip(STAGES, repeats, strict=True):
        level += nominal == 2
        for block in range(depth):
            stride, rate = strides.next(nominal if block == 0 else 1)
            x = _inverted_residual(
                x,
                expansion,
                scaled(channels, width),
                stride=stride,
                rate=rate,
                norm=norm,
                name=f"{name}_block_{index}" if index else f"{name}_expanded_conv",
            )
            index += 1
        maps[level] = x
    return maps


def _inverted_residual(x, expansion, channels, *, stride, rate, norm, name):
    entry = x
    if expansion > 1:
        x = _conv(x, expansion * x.shape[-1], 1, f"{name}_expand", norm)
    x = layers.DepthwiseConv2D(
        3,
        strides=stride,
        dilation_rate=rate,
        padding="same",
        use_bias=not normalizes(norm),
        depthwise_initializer="he_normal",
        name=f"{name}_depthwise",
    )(x)
    x = normalization(norm, f"{name}_depthwise_norm")(x)
    x = layers.Activation("relu6", name=f"{name}_depthwise_relu")(x)
    x = _conv(x, channels, 1, f"{name}_project", norm, activation=None)
    if stride == 1 and entry.shape[-1] == channels:
        x = layers.Add(name=f"{name}_add")([entry, x])
    return x


def _conv(x, filters, kernel_size, name, norm, *, stride=1, activation="relu6"):
    return conv_norm(
        x, filters, kernel_size, stride=stride, norm=norm, activation=activation, conv_name=name
    )


def top(
    maps,
    num_classes: int = 1000,
    *,
    width: float = 1.0,
    norm: str | None = "batch",
    name: str = "mobilenet_v2",
):
    """Returns class logits (N, num_classes), through a 1×1 convolution of 1280 filters."""
    x = _conv(maps[5], scaled(1280, max(width, 1.0)), 1, f"{name}_Conv_1", norm)
    return pooled_logits(x, num_classes, name)


MOBILENET_V2 = Backbone(
    "mobilenet_v2",
    features,
    normalize_to_unit,
    top,
    tiny={"width": 0.25, "blocks": (1, 1, 1, 1, 1, 1, 1)},
)
