"""FC-DenseNet, the One Hundred Layers Tiramisu (Jégou et al., CVPRW 2017)."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

import keras
from keras import layers

from zoo.cards import Paper, PublishedResult
from zoo.errors import InputError
from zoo.layers.densenet_blocks import dense_block, transition_down, transition_up
from zoo.layers.padding import CropLike, PadToMultiple
from zoo.layers.pixel_normalization import PixelNormalization
from zoo.model import Model
from zoo.registry import register

_PAPER = Paper(
    "S. Jégou, M. Drozdzal, D. Vazquez, A. Romero, Y. Bengio",
    "The One Hundred Layers Tiramisu",
    "CVPRW",
    2017,
)


def _fc_densenet(
    *,
    num_classes: int = 11,
    input_shape: tuple[int | None, int | None, int] = (None, None, 3),
    norm: str | None = "batch",
    growth: int,
    blocks: Sequence[int],
    stem: int = 48,
    dropout: float = 0.2,
    name: str,
) -> Model:
    """FC-DenseNet: dense blocks down and up, where only a block's new maps are upsampled.

    Args:
        num_classes: classes, background included.
        input_shape: height, width (None = any) and channels of the images, pixels 0…255.
        norm: `"batch"`, `"frozen"`, `"group"`, `"sync"` or `"none"`. The authors normalise
            with the statistics of the batch also when testing; here moving averages serve.
        growth: maps that each layer adds.
        blocks: layers per dense block from the first to the last, an odd number of blocks;
            the middle one is the lowest.
        stem: maps of the first convolution.
        dropout: share of each layer's values dropped in training.
        name: of the model.

    Returns:
        A model from (B, H, W, C) to `{"segmentation": logits}` of shape (B, H, W, num_classes).

    Raises:
        InputError: an even number of blocks, or a size, depth or growth below 1.
    """
    blocks = _check(num_classes, growth, stem, blocks)
    images = keras.Input(input_shape, name="image")
    style: dict[str, Any] = {"norm": norm, "dropout": dropout}
    levels = len(blocks) // 2
    x = PadToMultiple(2**levels, name="pad")(images)
    x = PixelNormalization(127.5, 127.5, name="normalize")(x)
    x = layers.Conv2D(stem, 3, padding="same", kernel_initializer="he_uniform", name="stem_conv")(x)
    skips = []
    for level, depth in enumerate(blocks[:levels], start=1):
        x, _ = dense_block(x, depth, growth, name=f"down{level}", **style)
        skips.append(x)
        x = transition_down(x, name=f"down{level}_transition", **style)
    x, new = dense_block(x, blocks[levels], growth, name="bottleneck", **style)
    for level, depth in zip(range(levels, 0, -1), blocks[levels + 1 :], strict=True):
        x = transition_up(new, skips.pop(), new.shape[-1], name=f"up{level}_transition")
        x, new = dense_block(x, depth, growth, name=f"up{level}", **style)
    x = layers.Conv2D(num_classes, 1, kernel_initializer="he_uniform", name="logits")(x)
    x = CropLike(name="crop")([x, images])
    x = layers.Activation("linear", dtype="float32", name="segmentation")(x)
    return Model(images, {"segmentation": x}, task="segmentation", name=name)


def _architecture(
    name: str,
    growth: int,
    blocks: Sequence[int],
    expected_parameters: int,
    tiny_blocks: tuple[int, ...],
    **card: Any,
) -> Callable[..., Model]:
    """Registers one of the paper's three depths and returns its builder."""
    builder: Any = functools.partial(_fc_densenet, growth=growth, blocks=tuple(blocks), name=name)
    builder.__name__ = builder.__qualname__ = name
    builder.__doc__, builder.__module__ = _fc_densenet.__doc__, __name__
    return register(
        name,
        task="segmentation",
        summary="dense blocks down and up; only the maps new in a block are upsampled",
        paper=_PAPER,
        published={"num_classes": 11},
        tiny={"num_classes": 3, "growth": 4 + growth // 8, "blocks": tiny_blocks, "stem": 8},
        expected_parameters=expected_parameters,
        flops_size=(224, 224),
        notes=(
            "Counts include the moving averages. The authors test with the statistics of the "
            "batch; here the moving averages serve, so that one image has one answer."
        ),
        **card,
    )(builder)


def _check(num_classes: int, growth: int, stem: int, blocks: Sequence[int]) -> tuple[int, ...]:
    blocks = tuple(blocks)
    if num_classes < 1 or growth < 1 or stem < 1:
        raise InputError("fc_densenet: num_classes, growth and stem are at least 1.")
    if len(blocks) % 2 == 0 or min(blocks) < 1:
        raise InputError(
            "fc_densenet: blocks is an odd number of depths of at least 1, such as "
            f"(4, 4, 4, 4, 4), not {blocks}."
        )
    return blocks


fc_densenet56 = _architecture("fc_densenet56", 12, [4] * 11, 1_397_963, (1, 2, 1))
fc_densenet67 = _architecture("fc_densenet67", 16, [5] * 11, 3_502_923, (2, 2, 2))
fc_densenet103 = _architecture(
    "fc_densenet103",
    16,
    [4, 5, 7, 10, 12, 15, 12, 10, 7, 5, 4],
    9_425_163,
    (1, 3, 2),
    paper_parameters="9.4 M",
    published_results=(
        PublishedResult("mean IoU", "66.9 %", "CamVid test", "paper"),
        PublishedResult("pixel accuracy", "91.5 %", "CamVid test", "paper"),
    ),
)
