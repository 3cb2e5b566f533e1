"""A class for every pixel from the patch around it: the sliding window, literally and densely.

Ning et al. (2005) and Farabet et al. (2013) label pixels so; one scale, no pyramid.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
from keras import layers

from zoo.cards import Paper
from zoo.errors import InputError
from zoo.flops import count_flops
from zoo.layers.border import PadBorder
from zoo.layers.normalization_policy import normalization, normalizes
from zoo.layers.pixel_normalization import PixelNormalization
from zoo.layers.sliding_windows import AssemblePatches, DilatedMaxPooling2D, Patches
from zoo.model import Model
from zoo.registry import register

FORMS = ("dense", "patches")


@register(
    "patch_classifier",
    task="segmentation",
    summary="sliding window: a small network sees a patch and names its centre pixel",
    paper=Paper(
        "C. Farabet, C. Couprie, L. Najman, Y. LeCun",
        "Learning Hierarchical Features for Scene Labeling",
        "IEEE TPAMI 35(8)",
        2013,
    ),
    published={"num_classes": 33, "norm": "none"},
    expected_parameters=864_161,
    flops_size=(240, 320),
    tiny={"num_classes": 3, "filters": (8, 8, 16), "kernel_size": 3},
    notes=(
        "One scale of farabet_multiscale, a patch of 46×46. form='dense' runs the network over the "
        "whole image and gives the same answers as form='patches', which cuts every patch out "
        "and is there to be compared with: it needs patch² as much memory as the image. Widths "
        "and kernels follow accounts of the paper, not its text."
    ),
)
def patch_classifier(
    *,
    num_classes: int = 33,
    input_shape: tuple[int | None, int | None, int] = (None, None, 3),
    norm: str | None = "batch",
    form: str = "dense",
    filters: Sequence[int] = (16, 64, 256),
    kernel_size: int = 7,
    hidden: int = 0,
    dropout: float = 0.0,
    activation: str = "tanh",
    name: str = "patch_classifier",
) -> Model:
    """The patch classifier.

    Convolution and activation per entry of `filters`, 2×2 max pooling between them; the last
    convolution leaves one pixel of the patch, which is classified.

    Args:
        num_classes: classes, background included.
        input_shape: height, width (None = any) and channels of the images, pixels 0…255.
        norm: `"batch"`, `"frozen"`, `"group"`, `"sync"` or `"none"` (the paper has none). Group
            normalisation looks at all of what it is given, so the two forms differ under it.
        form: `"dense"` (one convolutional pass) or `"patches"` (every patch by itself); weights
            fit both.
        filters: maps of each convolution.
        kernel_size: of each convolution.
        hidden: units of a layer between features and classes; 0 = none.
        dropout: share of the features dropped in training.
        activation: behind every convolution.
        name: of the model.

    Returns:
        A model from (B, H, W, C) to `{"segmentation": logits}` of shape (B, H, W, num_classes).
        Images are mirrored at their borders.

    Raises:
        InputError: an unknown form, or numbers out of range.
    """
    if form not in FORMS:
        raise InputError(f"patch_classifier: form is 'dense' or 'patches', not {form!r}.")
    if num_classes < 1 or hidden < 0 or kernel_size < 1 or not filters or min(filters) < 1:
        raise InputError(
            "patch_classifier: num_classes, kernel_size and filters are at least 1, hidden 0."
        )
    images = keras.Input(input_shape, name="image")
    patch = patch_size(len(filters), kernel_size)
    x = PadBorder(patch // 2, patch - 1 - patch // 2, name="border")(images)
    x = PixelNormalization(name="normalize")(x)
    if form == "patches":
        x = Patches(patch, name="patches")(x)
    style: dict[str, Any] = {"norm": norm, "activation": activation}
    x = _features(x, filters, kernel_size, form == "dense", style)
    if hidden:
        x = _conv(x, hidden, 1, 1, "hidden", **style)
    x = layers.Dropout(dropout, name="dropout")(x)
    x = layers.Conv2D(num_classes, 1, name="logits")(x)
    if form == "patches":
        x = AssemblePatches(name="assemble")([x, images])
    outputs = {"segmentation": layers.Activation("linear", dtype="float32", name="segmentation")(x)}
    model = Model(images, outputs, task="segmentation", name=name)
    height, width = input_shape[:2]
    if form == "patches" and height is not None and width is not None:
        # The graph shows one patch of the many.
        rest = (height * width - 1) * count_flops(model) // 2
        model.second_stage_macs = lambda: rest
    return model


def patch_size(stages: int, kernel_size: int) -> int:
    """Side of the patch in pixels: what one answer sees."""
    size = 1
    for stage in reversed(range(stages)):
        size += kernel_size - 1
        size = 2 * size if stage else size
    return size


def _features(x, filters: Sequence[int], kernel_size: int, dense: bool, style: dict[str, Any]):
    rate = 1
    for number, maps in enumerate(filters, start=1):
        x = _conv(x, maps, kernel_size, rate, f"conv{number}", **style)
        if number == len(filters):
            break
        if dense:
            x = DilatedMaxPooling2D(2, rate, name=f"pool{number}")(x)
            rate *= 2
        else:
            x = layers.MaxPooling2D(2, name=f"pool{number}")(x)
    return x


def _conv(x, filters: int, size: int, rate: int, name: str, *, norm: str | None, activation: str):
    plain = not normalizes(norm)
    x = layers.Conv2D(filters, size, dilation_rate=rate, use_bias=plain, name=name)(x)
    x = normalization(norm, f"{name}_norm")(x)
    return layers.Activation(activation, name=f"{name}_act")(x)
