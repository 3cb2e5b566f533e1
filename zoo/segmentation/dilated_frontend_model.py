"""The dilated front end: VGG16 without its last poolings (Yu & Koltun, ICLR 2016)."""

from __future__ import annotations

from collections.abc import Sequence

import keras

from zoo.cards import Paper, PublishedResult
from zoo.errors import InputError
from zoo.model import Model
from zoo.registry import register
from zoo.segmentation import dilated_vgg as _dilated

PAPER = Paper(
    "F. Yu, V. Koltun",
    "Multi-Scale Context Aggregation by Dilated Convolutions",
    "ICLR",
    2016,
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
        "classifier": (8, 3),
        "width": 0.03125,
    },
    published_results=(
        PublishedResult("mIoU", "69.8 %", "VOC 2012 val, trained with COCO", "paper"),
        PublishedResult("mIoU", "71.3 %", "VOC 2012 test, trained with COCO", "paper"),
        PublishedResult("mIoU", "67.6 %", "VOC 2012 test, trained on VOC and SBD", "paper"),
    ),
    notes=(
        "By default the image is mirrored at its borders and any height and width is taken; "
        "padding='valid' is the form that the paper trains, 900×900 → 66×66 scores for the middle "
        "528×528 pixels."
    ),
)
def dilated_frontend(
    *,
    num_classes: int = 21,
    input_shape: tuple[int | None, int | None, int] = (None, None, 3),
    norm: str | None = "none",
    padding: str = "reflect",
    blocks: Sequence[int] = (2, 2, 3, 3, 3),
    classifier: tuple[int, int] = (4096, 7),
    dropout: float = 0.5,
    width: float = 1.0,
    name: str = "dilated_frontend",
) -> Model:
    """The front-end module.

    Args:
        num_classes: classes, background included.
        input_shape: height, width (None = any) and channels of the images, pixels 0…255.
        norm: `"none"` (the paper), `"batch"`, `"frozen"`, `"group"` or `"sync"`.
        padding: `"reflect"` mirrors the image by what the convolutions lose (186 pixels a side)
            and keeps the size; `"valid"` does not, and its output is that much smaller.
        blocks: convolutions of the five stages.
        classifier: maps and kernel size of the dilated fc6; fc7 has as many maps.
        dropout: share of the values of fc6 and of fc7 dropped in training.
        width: factor on the channels of the five stages.
        name: of the model.

    Returns:
        A model from (B, H, W, C) to `{"segmentation": logits}` of shape (B, H, W, num_classes),
        or (B, H − 372, W − 372, num_classes) without padding.

    Raises:
        InputError: a size that cannot be taken without padding (the message names the nearest
            legal ones), an unknown padding or numbers out of range.
    """
    if num_classes < 1:
        raise InputError("dilated_frontend: num_classes is at least 1.")
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
    outputs = _dilated.enlarge(x, images, padding)
    return Model(images, outputs, task="segmentation", sizes=sizes, name=name)
