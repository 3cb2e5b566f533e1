"""ResNet-50 and ResNet-101 (He et al., *Deep Residual Learning*, CVPR 2016).

The published Keras weights have the stride of a block on its first 1×1 convolution, and biases;
torchvision's have it on the 3×3 convolution, and none.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any

from keras import layers

from zoo.backbones.backbone import (
    Backbone,
    Strides,
    check_blocks,
    check_output_stride,
    conv_norm,
    normalize_to_caffe,
    pooled_top,
    scaled,
)
from zoo.errors import InputError


def features(
    x,
    *,
    blocks: Sequence[int] = (3, 4, 6, 3),
    norm: str | None = "batch",
    output_stride: int = 32,
    width: float = 1.0,
    stride_on: str = "1x1",
    use_bias: bool | None = None,
    epsilon: float = 1.001e-5,
    name: str = "resnet50",
) -> dict[int, object]:
    """Returns the maps of level 1 (stem) and 2 to 5 (C2 to C5).

    Args:
        blocks: bottlenecks per stage, four numbers.
        output_stride: 8, 16 or 32; strides beyond it become dilation rates, and every second or
            fourth pixel of the result is then that of stride 32.
        stride_on: convolution with the stride of a block, `"1x1"` (Keras' weights) or `"3x3"`
            (torchvision's).
        use_bias: whether the convolutions have biases; None for biases with `"1x1"`, as in Keras'
            weights.
        epsilon: constant added to the variance by the normalization; torchvision's is 1e-5.
    """
    if stride_on not in ("1x1", "3x3"):
        raise InputError(f"stride_on must be '1x1' or '3x3', not {stride_on!r}.")
    bias = stride_on == "1x1" if use_bias is None else use_bias
    style: dict[str, Any] = {"norm": norm, "epsilon": epsilon, "use_bias": bias}
    strides = Strides(check_output_stride(output_stride))
    base = scaled(64, width)
    x = layers.ZeroPadding2D(3, name=f"{name}_conv1_pad")(x)
    x = _conv(x, base, 7, f"{name}_conv1", style, stride=strides.next(2)[0], padding="valid")
    maps = {1: x}
    x = layers.ZeroPadding2D(1, name=f"{name}_pool1_pad")(x)
    x = layers.MaxPooling2D(3, strides=strides.next(2)[0], name=f"{name}_pool1_pool")(x)
    for stage, depth in enumerate(check_blocks(blocks, 4), start=2):
        stride, rate_before = strides.next(1 if stage == 2 else 2)
        # A 3×3 convolution with the stride still reads its neighbors on the grid before it.
        rates = (rate_before if stride_on == "3x3" else strides.rate, strides.rate)
        filters = base * 2 ** (stage - 2)
        x = _stage(x, depth, filters, stride, rates, stride_on, style, f"{name}_conv{stage}")
        maps[stage] = x
    return maps


def last_stage(
    x,
    *,
    blocks: Sequence[int] = (3, 4, 6, 3),
    norm: str | None = "batch",
    width: float = 1.0,
    stride_on: str = "1x1",
    use_bias: bool | None = None,
    epsilon: float = 1.001e-5,
    name: str = "resnet50",
):
    """Applies C5 alone, with stride 1, to C4 or to a RoI of it, as in the head of a C4 detector.

    The arguments and the layer names are those of `features`.
    """
    bias = stride_on == "1x1" if use_bias is None else use_bias
    style: dict[str, Any] = {"norm": norm, "epsilon": epsilon, "use_bias": bias}
    filters = 8 * scaled(64, width)
    return _stage(x, tuple(blocks)[3], filters, 1, (1, 1), stride_on, style, f"{name}_conv5")


def _stage(x, depth, filters, stride, rates, stride_on, style, name):
    """The bottlenecks of a stage; the first one has the projection, the stride and its own rate."""
    for block in range(1, depth + 1):
        first = block == 1
        x = _bottleneck(
            x,
            filters,
            stride=stride if first else 1,
            rate=rates[0] if first else rates[1],
            project=first,
            stride_on=stride_on,
            style=style,
            name=f"{name}_block{block}",
        )
    return x


def _bottleneck(x, filters, *, stride, rate, project, stride_on, style, name):
    shortcut = x
    if project:
        shortcut = _conv(x, 4 * filters, 1, f"{name}_0", style, stride=stride, activation=None)
    one, three = (stride, 1) if stride_on == "1x1" else (1, stride)
    x = _conv(x, filters, 1, f"{name}_1", style, stride=one)
    padding = "same"
    if three > 1:
        x, padding = layers.ZeroPadding2D(1, name=f"{name}_2_pad")(x), "valid"
    x = _conv(x, filters, 3, f"{name}_2", style, stride=three, rate=rate, padding=padding)
    x = _conv(x, 4 * filters, 1, f"{name}_3", style, activation=None)
    x = layers.Add(name=f"{name}_add")([shortcut, x])
    return layers.Activation("relu", name=f"{name}_out")(x)


def _conv(x, filters, kernel_size, name, style, *, activation="relu", **geometry):
    names: dict[str, Any] = {"conv_name": f"{name}_conv", "norm_name": f"{name}_norm"}
    return conv_norm(x, filters, kernel_size, activation=activation, **geometry, **style, **names)


TINY = {"width": 0.125, "blocks": (1, 1, 1, 1)}

RESNET50 = Backbone("resnet50", features, normalize_to_caffe, pooled_top("resnet50"), tiny=TINY)
RESNET101 = Backbone(
    "resnet101",
    functools.partial(features, blocks=(3, 4, 23, 3), name="resnet101"),
    normalize_to_caffe,
    pooled_top("resnet101"),
    tiny=TINY,
)
