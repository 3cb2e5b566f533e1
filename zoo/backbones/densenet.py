"""DenseNet-121 (Huang et al., *Densely Connected Convolutional Networks*, CVPR 2017)."""

from __future__ import annotations

from collections.abc import Sequence

from keras import layers

from zoo.backbones.backbone import (
    Backbone,
    Strides,
    check_blocks,
    check_output_stride,
    conv_norm,
    normalize_to_imagenet,
    pooled_top,
    scaled,
)
from zoo.layers.densenet_blocks import dense_block
from zoo.layers.normalization_policy import normalization

EPSILON = 1.001e-5


def features(
    x,
    *,
    norm: str | None = "batch",
    output_stride: int = 32,
    width: float = 1.0,
    blocks: Sequence[int] = (6, 12, 24, 16),
    growth: int = 32,
    name: str = "densenet121",
) -> dict[int, object]:
    """Returns the maps of level 1 (stem) and 2 to 5 (dense blocks, after normalization and ReLU).

    Args:
        output_stride: 8, 16 or 32; transitions beyond it do not pool, and later blocks have
            dilation rates.
        width: width multiplier of the stem and of the growth rate.
        blocks: layers per dense block, four numbers; (6, 12, 32, 32) for DenseNet-169.
        growth: growth rate, filters per layer.
    """
    strides = Strides(check_output_stride(output_stride))
    blocks = check_blocks(blocks, 4)
    x = layers.ZeroPadding2D(3, name=f"{name}_conv1_pad")(x)
    x = conv_norm(
        x,
        scaled(64, width),
        7,
        stride=strides.next(2)[0],
        padding="valid",
        norm=norm,
        epsilon=EPSILON,
        use_bias=False,
        activation="relu",
        conv_name=f"{name}_conv1_conv",
        norm_name=f"{name}_conv1_norm",
    )
    maps = {1: x}
    x = layers.ZeroPadding2D(1, name=f"{name}_pool1_pad")(x)
    x = layers.MaxPooling2D(3, strides=strides.next(2)[0], name=f"{name}_pool1")(x)
    style = {"norm": norm, "use_bias": False, "epsilon": EPSILON, "bottleneck": 4}
    for level, depth in enumerate(blocks, start=2):
        block = f"{name}_conv{level}"
        x, _ = dense_block(x, depth, scaled(growth, width), rate=strides.rate, name=block, **style)
        prefix = name if level == 5 else f"{name}_pool{level}"
        x = normalization(norm, f"{prefix}_norm", epsilon=EPSILON)(x)
        x = layers.Activation("relu", name=f"{prefix}_relu")(x)
        maps[level] = x
        if level < 5:
            x = _transition(x, strides, prefix)
    return maps


def _transition(x, strides: Strides, name: str):
    """Halves the channels and, up to the output stride, the size."""
    x = layers.Conv2D(x.shape[-1] // 2, 1, use_bias=False, name=f"{name}_conv")(x)
    stride, _ = strides.next(2)
    return layers.AveragePooling2D(2, name=f"{name}_pool")(x) if stride == 2 else x


DENSENET121 = Backbone(
    "densenet121",
    features,
    normalize_to_imagenet,
    pooled_top("densenet121"),
    tiny={"width": 0.25, "blocks": (1, 1, 1, 1)},
)
