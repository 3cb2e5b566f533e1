"""Darknet-19 (Redmon & Farhadi, *YOLO9000: Better, Faster, Stronger*, CVPR 2017)."""

from __future__ import annotations

from collections.abc import Sequence

from keras import layers

from zoo.backbones.backbone import (
    Backbone,
    Strides,
    check_blocks,
    check_output_stride,
    normalize_to_fraction,
    scaled,
)
from zoo.layers.normalization_policy import normalization, normalizes

FILTERS = (32, 64, 128, 256, 512, 1024)


def features(
    x,
    *,
    norm: str | None = "batch",
    output_stride: int = 32,
    width: float = 1.0,
    blocks: Sequence[int] = (1, 1, 3, 3, 5, 5),
    epsilon: float = 1e-5,
    name: str = "darknet19",
) -> dict[int, object]:
    """Returns the last maps of the six stages, levels 0 to 5.

    Args:
        output_stride: 8, 16 or 32; poolings beyond it are left out and later stages have dilation
            rates.
        blocks: convolutions per stage, six numbers; every second one is 1×1 with half the filters.
        epsilon: constant added to the variance by the normalization.
    """
    strides = Strides(check_output_stride(output_stride))
    maps = {}
    for level, depth in enumerate(check_blocks(blocks, 6)):
        if level and strides.next(2)[0] == 2:
            x = layers.MaxPooling2D(2, name=f"{name}_pool{level}")(x)
        for index in range(1, depth + 1):
            wide = index % 2 == 1
            x = convolution(
                x,
                scaled(FILTERS[level] // (1 if wide else 2), width),
                3 if wide else 1,
                norm,
                f"{name}_stage{level}_conv{index}",
                rate=strides.rate if wide else 1,
                epsilon=epsilon,
            )
        maps[level] = x
    return maps


def convolution(
    x,
    filters: int,
    kernel_size: int,
    norm: str | None,
    name: str,
    *,
    stride: int = 1,
    rate: int = 1,
    epsilon: float = 1e-5,
):
    """Applies Darknet's symmetrically padded convolution, normalization and leaky ReLU of 0.1."""
    if stride > 1:
        x = layers.ZeroPadding2D(kernel_size // 2, name=f"{name}_pad")(x)
    x = layers.Conv2D(
        filters,
        kernel_size,
        strides=stride,
        dilation_rate=rate,
        padding="valid" if stride > 1 else "same",
        use_bias=not normalizes(norm),
        kernel_initializer="he_normal",
        name=name,
    )(x)
    x = normalization(norm, f"{name}_norm", epsilon=epsilon)(x)
    return layers.LeakyReLU(0.1, name=f"{name}_leaky")(x)


def top(maps, num_classes: int = 1000, *, width: float = 1.0, name: str = "darknet19"):
    """Returns class logits (N, num_classes), the mean of a last 1×1 convolution."""
    x = layers.Conv2D(num_classes, 1, name=f"{name}_predictions")(maps[5])
    return layers.GlobalAveragePooling2D(name=f"{name}_avg_pool")(x)


DARKNET19 = Backbone(
    "darknet19",
    features,
    normalize_to_fraction,
    top,
    levels=(0, 1, 2, 3, 4, 5),
    tiny={"width": 0.125, "blocks": (1, 1, 1, 1, 1, 1)},
)
