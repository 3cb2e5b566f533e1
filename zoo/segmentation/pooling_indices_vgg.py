"""VGG16 whose poolings remember their maxima, and its mirror: the trunk of SegNet and DeconvNet."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from zoo.backbones.feature_contract import check_blocks, conv_norm, scaled
from zoo.backbones.vgg import FILTERS, normalize
from zoo.layers.max_unpooling import MaxPoolWithIndices, MaxUnpool

__all__ = ["decode", "encode", "normalize"]

# A block that makes so many maps of its input, under a name.
Block = Callable[[Any, int, str], Any]


def encode(
    x,
    *,
    norm: str | None,
    width: float,
    blocks: Sequence[int],
    use_bias: bool | None = None,
    name: str = "vgg16",
) -> tuple[Any, list[tuple[Any, Any]]]:
    """VGG16's thirteen convolutions, under the names that its published weights have.

    Args:
        x: normalised pixels (B, H, W, C), any size.
        norm: policy behind every convolution.
        width: factor on the channels.
        blocks: convolutions per stage, five numbers.
        use_bias: default: only where no normalisation follows.

    Returns:
        The map after pool5, and for each stage its switches and the map that they point into.
    """
    places = []
    for stage, depth in enumerate(check_blocks(blocks, 5, name), start=1):
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
                norm_name=f"{layer}_norm",
            )
        pooled, switches = MaxPoolWithIndices(2, name=f"pool{stage}")(x)
        places.append((switches, x))
        x = pooled
    return x, places


def decode(x, places, block: Block, *, width: float, blocks: Sequence[int]) -> Any:
    """The mirror: unpool with the stage's switches, then as many blocks as the encoder had.

    A stage's last block narrows to the width of the stage before. The very last one, block 1 of
    stage 1, is left to the caller.
    """
    filters = [scaled(maps, width) for maps in FILTERS]
    for stage in range(5, 0, -1):
        switches, whole = places[stage - 1]
        # With the pooled map as reference an odd side comes back exactly.
        x = MaxUnpool(2, name=f"unpool{stage}")([x, switches, whole])
        for index in range(blocks[stage - 1], 0, -1):
            if stage == index == 1:
                return x
            last = index == 1
            x = block(x, filters[stage - 2 if last else stage - 1], f"decoder{stage}_{index}")
    return x
