"""Front end and context module: the scores look around themselves (Yu & Koltun, ICLR 2016)."""

from __future__ import annotations

from collections.abc import Sequence

import keras

from zoo.cards import PublishedResult
from zoo.errors import InputError
from zoo.layers.context import DILATIONS, context_module
from zoo.model import Model
from zoo.registry import register
from zoo.segmentation import dilated_vgg as _dilated
from zoo.segmentation.dilated_frontend_model import PAPER


@register(
    "dilated_context",
    task="segmentation",
    summary="convolutions of growing dilation gather context at one resolution",
    paper=PAPER,
    published={"num_classes": 21, "norm": "none", "padding": "valid"},
    expected_parameters=134_346_581 + 28_392,
    flops_size=(900, 900),
    tiny={
        "num_classes": 3,
        "norm": "batch",
        "blocks": (1, 1, 1, 1, 1),
        "classifier": (8, 3),
        "width": 0.03125,
    },
    published_results=(
        PublishedResult("mIoU", "71.3 %", "VOC 2012 val, basic context", "paper"),
        PublishedResult("mIoU", "72.1 %", "VOC 2012 val, large context", "paper"),
        PublishedResult("mIoU", "73.5 %", "VOC 2012 test, large context", "paper"),
        PublishedResult("mIoU", "65.3 %", "CamVid test", "paper"),
        PublishedResult("mIoU", "59.2 %", "KITTI", "paper"),
        PublishedResult(
            "mIoU", "67.1 %", "Cityscapes test, basic with dilations 32 and 64", "paper"
        ),
    ),
    notes=(
        "The paper trains the front end alone first; its weights load here by layer name. The "
        "module starts as the identity, for scores of at least 0. "
        "dilations=(1, 1, 2, 4, 8, 16, 32, 64, 1) is the paper's form for Cityscapes."
    ),
)
def dilated_context(
    *,
    num_classes: int = 21,
    input_shape: tuple[int | None, int | None, int] = (None, None, 3),
    norm: str | None = "none",
    context: str = "basic",
    dilations: Sequence[int] = DILATIONS,
    padding: str = "reflect",
    blocks: Sequence[int] = (2, 2, 3, 3, 3),
    classifier: tuple[int, int] = (4096, 7),
    dropout: float = 0.5,
    width: float = 1.0,
    name: str = "dilated_context",
) -> Model:
    """The front end with the context module behind it.

    Args:
        num_classes: classes, background included.
        input_shape: height, width (None = any) and channels of the images, pixels 0…255.
        norm: of the front end: `"none"` (the paper), `"batch"`, `"frozen"`, `"group"` or `"sync"`;
            the context module has none, so that it starts as the identity.
        context: `"basic"` (num_classes channels throughout) or `"large"` (up to 32 times as many).
        dilations: of the module's 3×3 convolutions; `"large"` has seven of them.
        padding, blocks, classifier, dropout, width: of the front end, see `dilated_frontend`.
        name: of the model.

    Returns:
        A model from (B, H, W, C) to `{"segmentation": logits}` of shape (B, H, W, num_classes),
        or (B, H − 372, W − 372, num_classes) without padding.

    Raises:
        InputError: a size that cannot be taken without padding (the message names the nearest
            legal ones), an unknown form or padding, or numbers out of range.
    """
    if num_classes < 1:
        raise InputError("dilated_context: num_classes is at least 1.")
    sizes = _dilated.check(name, input_shape, padding, blocks, classifier)
    images = keras.Input(input_shape, name="image")
    x = _dilated.front_end(
        images,
        num_classes,
        padding=padding,
        blocks=blocks,
        classifier=classifier,
        norm=norm,
        dropout=dropout,
        width=width,
    )
    x = context_module(x, context, dilations=dilations, name="context")
    outputs = _dilated.enlarge(x, images, padding)
    return Model(images, outputs, task="segmentation", sizes=sizes, name=name)
