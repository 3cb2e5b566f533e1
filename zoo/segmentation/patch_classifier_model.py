"""Patch classifier: each pixel is classified from the patch around it.

Ning et al. (2005); Farabet et al. (2013), here with one scale.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
from keras import layers

from zoo.argument_checks import check_choice, check_minimum
from zoo.flops import count_flops
from zoo.layers.border import PadBorder
from zoo.layers.normalization_policy import normalization, normalizes
from zoo.layers.pixel_normalization import PixelNormalization
from zoo.layers.sliding_windows import AssemblePatches, DilatedMaxPooling2D, Patches
from zoo.model import Model
from zoo.registry import register
from zoo.segmentation.farabet_multiscale_model import PAPER
from zoo.segmentation.segmentation_head import segmentation_output

IMPLEMENTATIONS = ("dense", "patches")


@register(
    "patch_classifier",
    task="segmentation",
    summary="sliding window: a small network classifies the center pixel of each patch",
    paper=PAPER,
    published={"num_classes": 33, "norm": "none"},
    expected_parameters=864_161,
    flops_size=(240, 320),
    tiny={"num_classes": 3, "conv_filters": (8, 8, 16), "kernel_size": 3},
    notes=(
        "One scale of farabet_multiscale, with patches of 46×46. implementation='dense' applies "
        "the network to the whole image and gives the same predictions as "
        "implementation='patches', which extracts every patch and serves for comparison: it needs "
        "patch² times the memory of the image. Filters and kernel sizes follow descriptions of the "
        "paper by others."
    ),
)
def patch_classifier(
    *,
    num_classes: int = 33,
    input_shape: tuple[int | None, int | None, int] = (None, None, 3),
    norm: str = "batch",
    implementation: str = "dense",
    conv_filters: Sequence[int] = (16, 64, 256),
    kernel_size: int = 7,
    hidden_units: int | None = None,
    dropout: float = 0.0,
    activation: str = "tanh",
    name: str = "patch_classifier",
) -> Model:
    """Builds the patch classifier.

    Convolutions and activations, 2×2 max pooling between them; the last convolution reduces the
    patch to one cell, which is classified. Images are mirrored at their borders.

    Args:
        num_classes: number of classes, including the background.
        input_shape: height, width and channels of the images; None for any height or width.
        norm: normalization policy: `"batch"`, `"frozen"`, `"group"`, `"sync"` or `"none"` (paper).
            Group normalization uses statistics of its whole input, so that the two
            implementations differ.
        implementation: `"dense"` (one convolutional pass) or `"patches"` (each patch separately);
            weights are interchangeable.
        conv_filters: filters of each convolution.
        kernel_size: kernel size of each convolution.
        hidden_units: units of a hidden layer before the classifier; None for a linear classifier.
        dropout: dropout rate after the features, in [0, 1).
        activation: activation function behind every convolution.
        name: name of the model.

    Returns:
        A model from images (B, H, W, C) in [0, 255] to `{"segmentation": logits}`, logits
        (B, H, W, num_classes).

    Raises:
        InputError: if an argument is out of its range.
    """
    check_choice("implementation", implementation, IMPLEMENTATIONS)
    check_minimum(1, num_classes=num_classes, conv_filters=conv_filters, kernel_size=kernel_size)
    check_minimum(1, hidden_units=hidden_units or 1)
    images = keras.Input(input_shape, name="image")
    patch = patch_size(len(conv_filters), kernel_size)
    x = PadBorder(patch // 2, patch - 1 - patch // 2, name="border")(images)
    x = PixelNormalization(name="normalize")(x)
    if implementation == "patches":
        x = Patches(patch, name="patches")(x)
    style: dict[str, Any] = {"norm": norm, "activation": activation}
    x = _features(x, conv_filters, kernel_size, implementation == "dense", style)
    if hidden_units is not None:
        x = _conv(x, hidden_units, 1, 1, "hidden", **style)
    x = layers.Dropout(dropout, name="dropout")(x)
    x = layers.Conv2D(num_classes, 1, name="logits")(x)
    if implementation == "patches":
        x = AssemblePatches(name="assemble")([x, images])
    outputs = {"segmentation": segmentation_output(x)}
    model = Model(images, outputs, task="segmentation", name=name)
    height, width = input_shape[:2]
    if implementation == "patches" and height is not None and width is not None:
        # The graph contains one patch of all.
        rest = (height * width - 1) * count_flops(model) // 2
        model.second_stage_macs = lambda: rest
    return model


def patch_size(stages: int, kernel_size: int) -> int:
    """Returns the side of the patch in pixels, the receptive field of a prediction."""
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


def _conv(x, filters: int, size: int, rate: int, name: str, *, norm: str, activation: str):
    plain = not normalizes(norm)
    x = layers.Conv2D(filters, size, dilation_rate=rate, use_bias=plain, name=name)(x)
    x = normalization(norm, f"{name}_norm")(x)
    return layers.Activation(activation, name=f"{name}_act")(x)
