"""VGG16 with pooling indices, and its mirror: encoder and decoder of SegNet and DeconvNet."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from zoo.backbones.backbone import check_blocks, conv_norm, scaled
from zoo.backbones.vgg import FILTERS
from zoo.layers.max_unpooling import MaxPoolWithIndices, MaxUnpool

Block = Callable[[Any, int, str], Any]
"""A function of a feature map, a number of filters and a layer name that returns a feature map."""


def encode(
    x,
    *,
    norm: str,
    width: float,
    blocks: Sequence[int],
    use_bias: bool | None = None,
    name: str = "vgg16",
) -> tuple[Any, list[tuple[Any, Any]]]:
    """Applies VGG16's convolutions and poolings, with the layer names of its published weights.

    Takes normalized images (B, H, W, C) of any size; returns the feature map after pool5, and for
    each of the five stages its pooling indices and unpooled map.
    """
    poolings = []
    for stage, depth in enumerate(check_blocks(blocks, 5), start=1):
        for index in range(1, depth + 1):
            layer = f"{name}_block{stage}_conv{index}"
            x = conv_norm(
                x,
                scaled(FILTERS[stage - 1], width),
                3,
                norm=norm,
                use_bias=use_bias,
                activation="relu",
                conv_name=layer,
            )
        pooled, indices = MaxPoolWithIndices(2, name=f"pool{stage}")(x)
        poolings.append((indices, x))
        x = pooled
    return x, poolings


def decode(x, poolings, block: Block, *, width: float, blocks: Sequence[int]) -> Any:
    """Applies the mirror of `encode`: per stage an unpooling and as many blocks.

    A stage's last block has the width of the preceding stage. The last block of all, block 1 of
    stage 1, is left to the caller.
    """
    filters = [scaled(maps, width) for maps in FILTERS]
    for stage in range(5, 0, -1):
        indices, unpooled = poolings[stage - 1]
        # With the unpooled map as reference, odd sides are restored exactly.
        x = MaxUnpool(2, name=f"unpool{stage}")([x, indices, unpooled])
        for index in range(blocks[stage - 1], 0, -1):
            if stage == index == 1:
                return x
            last = index == 1
            x = block(x, filters[stage - 2 if last else stage - 1], f"decoder{stage}_{index}")
    return x
