"""Dilated front end and context module (Yu & Koltun, ICLR 2016)."""

from __future__ import annotations

import functools
from collections.abc import Sequence

from zoo.argument_checks import check_choice, check_minimum
from zoo.cards import PublishedResult
from zoo.layers.context import DILATIONS, WIDTHS, context_module
from zoo.model import Model
from zoo.registry import register
from zoo.segmentation.dilated_frontend_model import PAPER
from zoo.segmentation.dilated_vgg import dilated_network


@register(
    "dilated_context",
    task="segmentation",
    summary="dilated VGG16, then 3×3 convolutions of growing dilation rates that aggregate context",
    paper=PAPER,
    published={"num_classes": 21, "norm": "none", "padding": "valid"},
    expected_parameters=134_346_581 + 28_392,
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
        PublishedResult("mean IoU", "71.3 %", "VOC 2012 val, basic context", "paper"),
        PublishedResult("mean IoU", "72.1 %", "VOC 2012 val, large context", "paper"),
        PublishedResult("mean IoU", "73.5 %", "VOC 2012 test, large context", "paper"),
        PublishedResult("mean IoU", "65.3 %", "CamVid test", "paper"),
        PublishedResult("mean IoU", "59.2 %", "KITTI", "paper"),
        PublishedResult(
            "mean IoU", "67.1 %", "Cityscapes test, basic with dilations 32 and 64", "paper"
        ),
    ),
    notes=(
        "The paper first trains the front end alone; its weights load by layer name. The context "
        "module is initialized as the identity, for scores of at least 0. dilation_rates="
        "(1, 1, 2, 4, 8, 16, 32, 64, 1) is the paper's module for Cityscapes."
    ),
)
def dilated_context(
    *,
    num_classes: int = 21,
    input_shape: tuple[int | None, int | None, int] = (None, None, 3),
    norm: str = "none",
    context_type: str = "basic",
    dilation_rates: Sequence[int] = DILATIONS,
    padding: str = "reflect",
    blocks: Sequence[int] = (2, 2, 3, 3, 3),
    head_filters: int = 4096,
    head_kernel_size: int = 7,
    dropout: float = 0.5,
    width: float = 1.0,
    name: str = "dilated_context",
) -> Model:
    """Builds the dilated front end with a context module.

    Args:
        num_classes: number of classes, including the background.
        input_shape: height, width and channels of the images; None for any height or width.
        norm: normalization policy: `"batch"`, `"frozen"`, `"group"`, `"sync"` or `"none"` (paper).
            The context module has none, so that it starts as the identity.
        context_type: `"basic"` (num_classes channels throughout) or `"large"` (up to 32 times as
            many).
        dilation_rates: dilation rates of the context module's 3×3 convolutions; seven for
            `"large"`.
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
    check_choice("context_type", context_type, WIDTHS)
    check_minimum(1, dilation_rates=dilation_rates)
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
        context=functools.partial(
            context_module, form=context_type, dilations=dilation_rates, name="context"
        ),
    )
