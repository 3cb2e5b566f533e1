"""DenseNet-121 (Huang et al., *Densely Connected Convolutional Networks*, CVPR 2017)."""

from __future__ import annotations

from collections.abc import Sequence

from keras import layers

from zoo.backbones.feature_contract import (
    Backbone,
    Strides,
    check_blocks,
    check_output_stride,
    conv_norm,
    normalize_pixels,
    pooled_logits,
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
    """Levels 1: stem; 2, 3, 4: a block's output after norm and ReLU, before its transition; 5: end.

    Args:
        x: normalised pixels (N, H, W, C).
        norm: normalisation policy.
        output_stride: with 16 or 8 the last transitions do not pool, and the blocks behind them
            get rates.
        width: factor on the stem's channels and on the growth.
        blocks: layers per dense block, four numbers; (6, 12, 32, 32) is DenseNet-169.
        growth: maps that one layer adds.
    """
    strides = Strides(check_output_stride(output_stride, "densenet121"))
    blocks = check_blocks(blocks, 4, "densenet121")
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
    """Half the maps and, up to the output stride, half the size."""
    x = layers.Conv2D(x.shape[-1] // 2, 1, use_bias=False, name=f"{name}_conv")(x)
    stride, _ = strides.next(2)
    return layers.AveragePooling2D(2, name=f"{name}_pool")(x) if stride == 2 else x


def normalize(x):
    """RGB 0...255 -> RGB minus the ImageNet mean, over its deviation."""
    mean, deviation = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
    return normalize_pixels(x, [255 * m for m in mean], [255 * d for d in deviation])


def top(maps, num_classes: int = 1000, *, width: float = 1.0, name: str = "densenet121"):
    """Mean over the map and the class logits (N, num_classes); `width` has no effect here."""
    return pooled_logits(maps[5], num_classes, name)


DENSENET121 = Backbone(
    "densenet121",
    features,
    normalize,
    top,
    channels={1: 64, 2: 256, 3: 512, 4: 1024, 5: 1024},
    tiny={"width": 0.25, "blocks": (1, 1, 1, 1)},
)
