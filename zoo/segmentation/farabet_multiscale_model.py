"""One network at three scales of a Laplacian pyramid (Farabet et al., TPAMI 2013)."""

from __future__ import annotations

from collections.abc import Sequence

import keras
from keras import layers

from zoo.argument_checks import check_minimum
from zoo.cards import Paper, PublishedResult
from zoo.layers.laplacian_pyramid import LaplacianPyramid
from zoo.layers.local_contrast import LocalNormalization, ToYUV
from zoo.layers.padding import PadToMultiple
from zoo.layers.pixel_normalization import PixelNormalization
from zoo.layers.resize import ResizeLike
from zoo.model import Model
from zoo.registry import register
from zoo.segmentation.segmentation_head import segmentation_output
from zoo.segmentation.shared_convolutions import apply_convolutions, shared_convolutions

PAPER = Paper(
    "C. Farabet, C. Couprie, L. Najman, Y. LeCun",
    "Learning Hierarchical Features for Scene Labeling",
    "IEEE TPAMI 35(8)",
    2013,
)


@register(
    "farabet_multiscale",
    task="segmentation",
    summary="a small convolutional network with shared weights on each band of a Laplacian pyramid",
    paper=PAPER,
    published={"num_classes": 33, "norm": "none"},
    expected_parameters=881_057,
    flops_size=(240, 320),
    tiny={"num_classes": 3, "conv_filters": (8, 8, 16), "kernel_size": 3, "local_norm_size": 5},
    published_results=(
        PublishedResult(
            "pixel accuracy", "72.3 %", "SIFT Flow, balanced sampling", "FCN paper's table"
        ),
        PublishedResult(
            "class accuracy", "50.8 %", "SIFT Flow, balanced sampling", "FCN paper's table"
        ),
        PublishedResult(
            "pixel accuracy", "78.5 %", "SIFT Flow, natural sampling", "FCN paper's table"
        ),
        PublishedResult(
            "class accuracy", "29.6 %", "SIFT Flow, natural sampling", "FCN paper's table"
        ),
    ),
    notes=(
        "The network alone: the paper's vote over superpixels is an option of evaluate and "
        "predict, --superpixels, and not part of exported files; its segmentation trees are not "
        "implemented. The classifier is linear, or has two layers with hidden_units=…. Filters, "
        "kernel sizes and preprocessing follow descriptions of the paper by others."
    ),
)
def farabet_multiscale(
    *,
    num_classes: int = 33,
    input_shape: tuple[int | None, int | None, int] = (None, None, 3),
    norm: str = "batch",
    num_scales: int = 3,
    conv_filters: Sequence[int] = (16, 64, 256),
    kernel_size: int = 7,
    local_norm_size: int | None = 15,
    hidden_units: int | None = None,
    dropout: float = 0.0,
    activation: str = "tanh",
    name: str = "farabet_multiscale",
) -> Model:
    """Builds the multiscale convolutional network.

    Args:
        num_classes: number of classes, including the background.
        input_shape: height, width and channels of the images; None for any height or width. Three
            channels are converted from RGB to YUV.
        norm: normalization policy: `"batch"`, `"frozen"`, `"group"`, `"sync"` or `"none"` (paper).
            Scales share the convolutions and have separate normalizations.
        num_scales: number of bands of the Laplacian pyramid.
        conv_filters: filters of each convolution; 2×2 max pooling follows each but the last.
        kernel_size: kernel size of each convolution.
        local_norm_size: side in pixels of the neighborhood in which each band is normalized, an
            odd number; None for no local normalization.
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
    check_minimum(1, num_classes=num_classes, num_scales=num_scales, conv_filters=conv_filters)
    check_minimum(1, kernel_size=kernel_size, hidden_units=hidden_units or 1)
    stride = 2 ** (len(conv_filters) - 1)
    images = keras.Input(input_shape, name="image")
    padded = PadToMultiple(stride * 2 ** (num_scales - 1), name="pad")(images)
    x = PixelNormalization(name="normalize")(padded)
    if input_shape[-1] == 3:
        x = ToYUV(name="yuv")(x)
    convolutions = shared_convolutions(conv_filters, kernel_size, norm)
    features: list[keras.KerasTensor] = []
    for scale, band in enumerate(LaplacianPyramid(num_scales, name="pyramid")(x), start=1):
        if local_norm_size is not None:
            band = LocalNormalization(local_norm_size, name=f"scale{scale}_local")(band)
        maps = apply_convolutions(band, convolutions, norm, activation, f"scale{scale}")
        if features:
            maps = ResizeLike(name=f"scale{scale}_resize")([maps, features[0]])
        features.append(maps)
    x = layers.Concatenate(name="features")(features) if num_scales > 1 else features[0]
    if hidden_units is not None:
        x = layers.Conv2D(hidden_units, 1, activation=activation, name="hidden")(x)
    x = layers.Dropout(dropout, name="dropout")(x)
    x = layers.Conv2D(num_classes, 1, name="logits")(x)
    x = ResizeLike(name="resize")([x, padded])
    outputs = {"segmentation": segmentation_output(x, images)}
    return Model(images, outputs, task="segmentation", name=name)
