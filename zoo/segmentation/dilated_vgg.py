"""What the dilated front end and the front end with context share."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
from keras import layers

from zoo.backbones import find_backbone
from zoo.backbones.feature_contract import scaled
from zoo.errors import InputError
from zoo.layers.border import PadBorder
from zoo.layers.normalization_policy import normalization, normalizes
from zoo.layers.padding import CropLike, PadToMultiple
from zoo.layers.unpooling import BilinearUnpooling
from zoo.model import ValidSizes

STRIDE = 8
FILTERS = (64, 128, 256, 512, 512)
PADDINGS = ("reflect", "valid")
CLASSIFIER_RATE = 4


def margin(blocks: Sequence[int], kernel_size: int) -> int:
    """Pixels of the input that the network's valid convolutions lose on every side.

    A 3x3 convolution loses one pixel of its own grid: of 1, 2, 4, 8 input pixels in the first four
    stages, twice 8 in the fifth, whose rate is 2.
    """
    pixels = sum(depth * 2**stage for stage, depth in enumerate(blocks))
    return pixels + STRIDE * CLASSIFIER_RATE * (kernel_size // 2)


def valid_sizes(blocks: Sequence[int], kernel_size: int) -> ValidSizes:
    """Legal inputs without padding: 2 · margin + 8 · m, m from 1."""
    lost = margin(blocks, kernel_size)
    return ValidSizes(base=2 * lost + STRIDE, step=STRIDE, margin=lost)


def check(
    name: str,
    input_shape: Sequence[int | None],
    padding: str,
    blocks: Sequence[int],
    classifier: tuple[int, int],
) -> ValidSizes | None:
    """The sizes of the valid form, None for the padded one; InputError for what cannot be built."""
    filters, kernel_size = classifier
    if padding not in PADDINGS:
        raise InputError(f"{name}: padding is 'reflect' or 'valid', not {padding!r}.")
    if len(blocks) != len(FILTERS) or min(blocks) < 1:
        raise InputError(f"{name}: blocks are five numbers of at least 1, got {tuple(blocks)}.")
    if filters < 1 or kernel_size < 1 or kernel_size % 2 == 0:
        raise InputError(
            f"{name}: classifier is (maps, odd kernel size), for example (4096, 7); "
            f"got {tuple(classifier)}."
        )
    if padding == "reflect":
        return None
    sizes = valid_sizes(blocks, kernel_size)
    for side in input_shape[:2]:
        if side is not None and not sizes.legal(side):
            raise InputError(
                f"{name}: without padding a side of {side} cannot be taken; "
                f"the nearest that can: {sizes.nearest(side)}."
            )
    return sizes


def front_end(
    images,
    num_classes: int,
    *,
    padding: str,
    blocks: Sequence[int],
    classifier: tuple[int, int],
    norm: str | None,
    dropout: float,
    width: float,
):
    """Pixels (N, H, W, C) -> class scores (N, h, w, num_classes) at stride 8."""
    filters, kernel_size = classifier
    x = images
    if padding == "reflect":
        x = PadToMultiple(STRIDE, name="pad")(x)
        x = PadBorder(margin(blocks, kernel_size), name="border")(x)
    x = find_backbone("vgg16").normalize(x)
    for stage, depth in enumerate(blocks, start=1):
        for index in range(1, depth + 1):
            # The names are VGG16's, so that its published weights find their layers.
            name = f"vgg16_block{stage}_conv{index}"
            x = _conv(x, scaled(FILTERS[stage - 1], width), 3, 2 if stage == 5 else 1, norm, name)
        if stage < 4:
            x = layers.MaxPooling2D(2, name=f"vgg16_block{stage}_pool")(x)
    for number, (size, rate) in enumerate(((kernel_size, CLASSIFIER_RATE), (1, 1)), start=6):
        x = _conv(x, filters, size, rate, norm, f"fc{number}")
        x = layers.Dropout(dropout, name=f"fc{number}_dropout")(x)
    return layers.Conv2D(num_classes, 1, name="fc_final")(x)


def _conv(x, filters: int, kernel_size: int, rate: int, norm: str | None, name: str):
    settings: dict[str, Any] = {"dilation_rate": rate, "kernel_initializer": "he_normal"}
    x = layers.Conv2D(filters, kernel_size, use_bias=not normalizes(norm), name=name, **settings)(x)
    x = normalization(norm, f"{name}_norm")(x)
    return layers.Activation("relu", name=f"{name}_relu")(x)


def enlarge(x, images, padding: str) -> dict[str, keras.KerasTensor]:
    """The output dictionary: scores at the size of the images, or of their middle."""
    x = BilinearUnpooling(STRIDE, name="enlarge")(x)
    if padding == "reflect":
        x = CropLike(name="crop")([x, images])
    return {"segmentation": layers.Activation("linear", dtype="float32", name="segmentation")(x)}
