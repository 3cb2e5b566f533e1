"""FC-DenseNet, the One Hundred Layers Tiramisu (Jégou et al., CVPRW 2017)."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

import keras
from keras import layers

from zoo.argument_checks import check_minimum
from zoo.cards import Paper, PublishedResult
from zoo.errors import InputError
from zoo.layers.densenet_blocks import dense_block, transition_down, transition_up
from zoo.layers.padding import PadToMultiple
from zoo.layers.pixel_normalization import PixelNormalization
from zoo.model import Model
from zoo.registry import register
from zoo.segmentation.segmentation_head import segmentation_output

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
    norm: str = "batch",
    growth_rate: int,
    blocks: Sequence[int],
    stem_filters: int = 48,
    dropout: float = 0.2,
    name: str,
) -> Model:
    """Builds FC-DenseNet.

    Args:
        num_classes: number of classes, including the background.
        input_shape: height, width and channels of the images; None for any height or width.
        norm: normalization policy: `"batch"`, `"frozen"`, `"group"`, `"sync"` or `"none"`. The
            authors use batch statistics in testing too; here moving averages are used.
        growth_rate: filters of each layer of a dense block.
        blocks: layers of each dense block, an odd number of blocks; the middle one is the lowest.
        stem_filters: filters of the first convolution.
        dropout: dropout rate after each layer, in [0, 1).
        name: name of the model.

    Returns:
        A model from images (B, H, W, C) in [0, 255] to `{"segmentation": logits}`, logits
        (B, H, W, num_classes).

    Raises:
        InputError: if an argument is out of its range.
    """
    check_minimum(1, num_classes=num_classes, growth_rate=growth_rate, stem_filters=stem_filters)
    check_minimum(1, blocks=blocks)
    if len(blocks) % 2 == 0:
        raise InputError(f"blocks must be an odd number of blocks, not {tuple(blocks)}.")
    images = keras.Input(input_shape, name="image")
    style: dict[str, Any] = {"norm": norm, "dropout": dropout}
    levels = len(blocks) // 2
    x = PadToMultiple(2**levels, name="pad")(images)
    x = PixelNormalization(127.5, 127.5, name="normalize")(x)
    x = layers.Conv2D(
        stem_filters, 3, padding="same", kernel_initializer="he_uniform", name="stem_conv"
    )(x)
    skips = []
    for level, depth in enumerate(blocks[:levels], start=1):
        x, _ = dense_block(x, depth, growth_rate, name=f"down{level}", **style)
        skips.append(x)
        x = transition_down(x, name=f"down{level}_transition", **style)
    x, new = dense_block(x, blocks[levels], growth_rate, name="bottleneck", **style)
    for level, depth in zip(range(levels, 0, -1), blocks[levels + 1 :], strict=True):
        x = transition_up(new, skips.pop(), new.shape[-1], name=f"up{level}_transition")
        x, new = dense_block(x, depth, growth_rate, name=f"up{level}", **style)
    x = layers.Conv2D(num_classes, 1, kernel_initializer="he_uniform", name="logits")(x)
    outputs = {"segmentation": segmentation_output(x, images)}
    return Model(images, outputs, task="segmentation", name=name)


def _architecture(
    name: str,
    growth_rate: int,
    blocks: tuple[int, ...],
    expected_parameters: int,
    tiny_blocks: tuple[int, ...],
    **card: Any,
) -> Callable[..., Model]:
    """Registers one of the paper's three depths and returns its builder."""
    builder: Any = functools.partial(
        _fc_densenet, growth_rate=growth_rate, blocks=blocks, name=name
    )
    builder.__name__ = builder.__qualname__ = name
    builder.__doc__, builder.__module__ = _fc_densenet.__doc__, __name__
    tiny = {"growth_rate": 4 + growth_rate // 8, "blocks": tiny_blocks, "stem_filters": 8}
    return register(
        name,
        task="segmentation",
        summary="dense blocks down and up; only the feature maps new in a block are upsampled",
        paper=_PAPER,
        published={"num_classes": 11},
        tiny={"num_classes": 3, **tiny},
        expected_parameters=expected_parameters,
        flops_size=(224, 224),
        notes=(
            "Counts include the moving averages. The authors use batch statistics in testing; here "
            "moving averages are used, so that a prediction does not depend on the batch."
        ),
        **card,
    )(builder)


fc_densenet56 = _architecture("fc_densenet56", 12, (4,) * 11, 1_397_963, (1, 2, 1))
fc_densenet67 = _architecture("fc_densenet67", 16, (5,) * 11, 3_502_923, (2, 2, 2))
fc_densenet103 = _architecture(
    "fc_densenet103",
    16,
    (4, 5, 7, 10, 12, 15, 12, 10, 7, 5, 4),
    9_425_163,
    (1, 3, 2),
    paper_parameters="9.4 M",
    published_results=(
        PublishedResult("mean IoU", "66.9 %", "CamVid test", "paper"),
        PublishedResult("pixel accuracy", "91.5 %", "CamVid test", "paper"),
    ),
)
