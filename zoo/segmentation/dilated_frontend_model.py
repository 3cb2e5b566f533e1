"""Dilated front end: VGG16 without its last two poolings (Yu & Koltun, ICLR 2016)."""

from __future__ import annotations

from collections.abc import Sequence

from zoo.cards import Paper, PublishedResult
from zoo.model import Model
from zoo.registry import register
from zoo.segmentation.dilated_vgg import dilated_network

PAPER = Paper(
    "F. Yu, V. Koltun", "Multi-Scale Context Aggregation by Dilated Convolutions", "ICLR", 2016
)


@register(
    "dilated_frontend",
    task="segmentation",
    summary="VGG16 with dilated convolutions instead of its last two poolings",
    paper=PAPER,
    published={"num_classes": 21, "norm": "none", "padding": "valid"},
    expected_parameters=134_346_581,
    flops_size=(900, 900),
    tiny={
        "num_classes": 3,
        "norm": "batch",
        "blocks": (1, 1, 1, 1, 1),
        "head_filters": 8,
        "head_kernel_size": 3,
        "width": 0.03125,
    },
    published_results=(
        PublishedResult("mean IoU", "69.8 %", "VOC 2012 val, trained with COCO", "paper"),
        PublishedResult("mean IoU", "71.3 %", "VOC 2012 test, trained with COCO", "paper"),
        PublishedResult("mean IoU", "67.6 %", "VOC 2012 test, trained on VOC and SBD", "paper"),
    ),
    notes=(
        "By default the image is mirrored at its borders and may have any size. padding='valid' is "
        "the network that the paper trains: 900×900 pixels → 66×66 scores of the central 528×528."
    ),
)
def dilated_frontend(
    *,
    num_classes: int = 21,
    input_shape: tuple[int | None, int | None, int] = (None, None, 3),
    norm: str = "none",
    padding: str = "reflect",
    blocks: Sequence[int] = (2, 2, 3, 3, 3),
    head_filters: int = 4096,
    head_kernel_size: int = 7,
    dropout: float = 0.5,
    width: float = 1.0,
    name: str = "dilated_frontend",
) -> Model:
    """Builds the dilated front end.

    Args:
        num_classes: number of classes, including the background.
        input_shape: height, width and channels of the images; None for any height or width.
        norm: normalization policy: `"batch"`, `"frozen"`, `"group"`, `"sync"` or `"none"` (paper).
        padding: `"reflect"` mirrors the image at its borders by what the convolutions lose (186
            pixels per side) and keeps its size; `"valid"` does not pad (paper).
        blocks: convolutions of each of the five stages.
        head_filters: filters of fc6 and fc7.
        head_kernel_size: kernel size of the dilated fc6, an odd number.
        dropout: dropout rate after fc6 and fc7, in [0, 1).
        width: width multiplier of the five stages.
        name: name of the model.

    Returns:
        A model from images (B, H, W, C) in [0, 255] to `{"segmentation": logits}`, logits
        (B, H, W, num_classes), or (B, H − 372, W − 372, num_classes) without padding.

    Raises:
        InputError: if an argument is out of its range, or `padding="valid"` does not allow a size;
            the message names the nearest sizes that are allowed.
    """
    return dilated_network(
        num_classes=num_classes,
        input_shape=input_shape,
        norm=norm,
        padding=padding,
        blocks=blocks,
        head_filters=head_filters,
        head_kernel_size=head_kernel_size,
        dropout=dropout,
        width=width,
        name=name,
    )
