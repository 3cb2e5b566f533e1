"""One network at three scales of a Laplacian pyramid (Farabet et al., TPAMI 2013)."""

from __future__ import annotations

from collections.abc import Sequence

import keras
from keras import layers

from zoo.cards import Paper, PublishedResult
from zoo.errors import InputError
from zoo.layers.laplacian_pyramid import LaplacianPyramid
from zoo.layers.local_contrast import LocalNormalization, ToYUV
from zoo.layers.normalization_policy import normalization, normalizes
from zoo.layers.padding import CropLike, PadToMultiple
from zoo.layers.pixel_normalization import PixelNormalization
from zoo.layers.resize import ResizeLike
from zoo.model import Model
from zoo.registry import register


@register(
    "farabet_multiscale",
    task="segmentation",
    summary="one convolutional network, shared by the bands of a Laplacian pyramid",
    paper=Paper(
        "C. Farabet, C. Couprie, L. Najman, Y. LeCun",
        "Learning Hierarchical Features for Scene Labeling",
        "IEEE TPAMI 35(8)",
        2013,
    ),
    published={"num_classes": 33, "norm": "none"},
    expected_parameters=881_057,
    flops_size=(240, 320),
    tiny={"num_classes": 3, "filters": (8, 8, 16), "kernel_size": 3, "local_norm": 5},
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
        "The network alone. The paper's vote over superpixels is a step after it, --superpixels of "
        "evaluate and predict; exported files do not hold it. Its segmentation trees are not "
        "there. The classifier is linear; hidden=… gives a two-layer one. Widths, kernels "
        "and the treatment of pixels follow accounts of the paper, not its text."
    ),
)
def farabet_multiscale(
    *,
    num_classes: int = 33,
    input_shape: tuple[int | None, int | None, int] = (None, None, 3),
    norm: str | None = "batch",
    scales: int = 3,
    filters: Sequence[int] = (16, 64, 256),
    kernel_size: int = 7,
    local_norm: int = 15,
    hidden: int = 0,
    dropout: float = 0.0,
    activation: str = "tanh",
    name: str = "farabet_multiscale",
) -> Model:
    """The multiscale convolutional network.

    Args:
        num_classes: classes, background included.
        input_shape: height, width (None = any) and channels of the images, pixels 0…255. Three
            channels are taken for RGB and turned into YUV.
        norm: `"batch"`, `"frozen"`, `"group"`, `"sync"` or `"none"` (the paper has none). The
            convolutions are shared by the scales; normalisations are not, since the bands of a
            pyramid differ in their statistics.
        scales: bands of the pyramid.
        filters: maps of each convolution; 2×2 max pooling between them.
        kernel_size: of each convolution.
        local_norm: side of the neighbourhood in which each band is normalised; 0 = not.
        hidden: units of a layer between features and classes; 0 = none.
        dropout: share of the features dropped in training.
        activation: behind every convolution.
        name: of the model.

    Returns:
        A model from (B, H, W, C) to `{"segmentation": logits}` of shape (B, H, W, num_classes).

    Raises:
        InputError: numbers out of range.
    """
    if min(num_classes, scales, kernel_size, *filters, len(filters)) < 1 or hidden < 0:
        raise InputError(
            "farabet_multiscale: num_classes, scales, kernel_size and filters are at least 1."
        )
    stride = 2 ** (len(filters) - 1)
    images = keras.Input(input_shape, name="image")
    padded = PadToMultiple(stride * 2 ** (scales - 1), name="pad")(images)
    x = PixelNormalization(name="normalize")(padded)
    if input_shape[-1] == 3:
        x = ToYUV(name="yuv")(x)
    shared = [
        layers.Conv2D(
            maps,
            kernel_size,
            padding="same",
            use_bias=not normalizes(norm),
            name=f"conv{number}",
        )
        for number, maps in enumerate(filters, start=1)
    ]
    features: list[keras.KerasTensor] = []
    for scale, band in enumerate(LaplacianPyramid(scales, name="pyramid")(x), start=1):
        if local_norm:
            band = LocalNormalization(local_norm, name=f"scale{scale}_local")(band)
        maps = _features(band, shared, norm, activation, f"scale{scale}")
        if features:
            maps = ResizeLike(name=f"scale{scale}_resize")([maps, features[0]])
        features.append(maps)
    x = layers.Concatenate(name="features")(features) if scales > 1 else features[0]
    if hidden:
        x = layers.Conv2D(hidden, 1, activation=activation, name="hidden")(x)
    x = layers.Dropout(dropout, name="dropout")(x)
    x = layers.Conv2D(num_classes, 1, name="logits")(x)
    x = ResizeLike(name="resize")([x, padded])
    x = CropLike(name="crop")([x, images])
    outputs = {"segmentation": layers.Activation("linear", dtype="float32", name="segmentation")(x)}
    return Model(images, outputs, task="segmentation", name=name)


def _features(x, shared: Sequence[layers.Layer], norm: str | None, activation: str, scale: str):
    """The shared network on one band, at a quarter of its size in the paper's form."""
    for number, convolution in enumerate(shared, start=1):
        x = convolution(x)
        x = normalization(norm, f"{scale}_norm{number}")(x)
        x = layers.Activation(activation, name=f"{scale}_act{number}")(x)
        if number < len(shared):
            x = layers.MaxPooling2D(2, name=f"{scale}_pool{number}")(x)
    return x
