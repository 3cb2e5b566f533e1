"""Atrous spatial pyramid pooling (Chen et al., DeepLabv3 and DeepLabv3+, ECCV 2018)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from keras import layers

from zoo.layers.conv_blocks import conv_block, separable_conv_block
from zoo.layers.pooling_pyramids import AdaptivePooling
from zoo.layers.resize import ResizeLike


def aspp(
    x,
    rates: Sequence[int] = (6, 12, 18),
    filters: int = 256,
    *,
    separable: bool = True,
    image_pooling: bool = True,
    norm: str | None = "batch",
    epsilon: float = 1e-5,
    name: str = "aspp",
):
    """Applies atrous spatial pyramid pooling to maps (N, H, W, C) of any size.

    The branches are a 1×1 convolution, one 3×3 convolution per rate, and the mean of the map; they
    are concatenated and projected by a 1×1 convolution.

    Args:
        x: maps (N, H, W, C).
        rates: dilation rates of the 3×3 convolutions: (6, 12, 18) for output stride 16, and
            (12, 24, 36) for 8.
        filters: filters of each branch and of the result.
        separable: whether the 3×3 convolutions are depthwise-separable, with a ReLU after both
            steps as in the authors' code.
        image_pooling: whether to include the branch with the mean of the map.
        norm: normalization policy.
        epsilon: constant added to the variance by the normalization.
        name: prefix of the layer names.

    Returns:
        Maps (N, H, W, filters).
    """
    style: dict[str, Any] = {"norm": norm, "epsilon": epsilon}
    branches = [conv_block(x, filters, 1, name=f"{name}_1x1", **style)]
    for rate in rates:
        if separable:
            branch = separable_conv_block(
                x,
                filters,
                rate=rate,
                depthwise_activation="relu",
                name=f"{name}_rate{rate}",
                **style,
            )
        else:
            branch = conv_block(x, filters, 3, rate=rate, name=f"{name}_rate{rate}", **style)
        branches.append(branch)
    if image_pooling:
        pooled = AdaptivePooling(1, "mean", name=f"{name}_mean")(x)
        pooled = conv_block(pooled, filters, 1, name=f"{name}_image", **style)
        branches.append(ResizeLike(name=f"{name}_spread")([pooled, x]))
    joined = layers.Concatenate(name=f"{name}_concat")(branches)
    return conv_block(joined, filters, 1, name=f"{name}_project", **style)
