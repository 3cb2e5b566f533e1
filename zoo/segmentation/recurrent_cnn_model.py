"""rCNN: a network applied repeatedly to its own prediction and a smaller image.

Pinheiro & Collobert, *Recurrent Convolutional Neural Networks for Scene Labeling*, ICML 2014.
"""

from __future__ import annotations

from collections.abc import Sequence

import keras
from keras import layers, ops

from zoo.argument_checks import check_minimum
from zoo.cards import Paper, PublishedResult
from zoo.layers.padding import PadToMultiple
from zoo.layers.pixel_normalization import PixelNormalization
from zoo.layers.resize import ResizeLike
from zoo.layers.shapes import MapLayer, check_map, check_positive
from zoo.model import Model
from zoo.registry import register
from zoo.segmentation.segmentation_head import segmentation_output
from zoo.segmentation.shared_convolutions import apply_convolutions, shared_convolutions


@register(
    "recurrent_cnn",
    task="segmentation",
    summary="a small network applied repeatedly to a smaller image and its preceding prediction",
    paper=Paper(
        "P. Pinheiro, R. Collobert",
        "Recurrent Convolutional Neural Networks for Scene Labeling",
        "ICML",
        2014,
    ),
    published={"num_classes": 33, "norm": "none", "passes": 3},
    expected_parameters=139_358,
    flops_size=(240, 320),
    tiny={"num_classes": 3, "conv_filters": (8, 8), "kernel_size": 4, "passes": 2},
    published_results=(
        PublishedResult("pixel accuracy", "77.7 %", "SIFT Flow, three passes", "FCN paper's table"),
        PublishedResult("class accuracy", "29.8 %", "SIFT Flow, three passes", "FCN paper's table"),
    ),
    notes=(
        "Neither recurrent over space or time nor related to R-CNN. Each pass halves the "
        "resolution; predictions are resized to the image. Filters, kernel sizes and connections "
        "follow descriptions of the paper by others."
    ),
)
def recurrent_cnn(
    *,
    num_classes: int = 33,
    input_shape: tuple[int | None, int | None, int] = (None, None, 3),
    norm: str = "batch",
    passes: int = 2,
    conv_filters: Sequence[int] = (25, 50),
    kernel_size: int = 8,
    dropout: float = 0.0,
    activation: str = "tanh",
    auxiliary_weight: float = 1.0,
    name: str = "recurrent_cnn",
) -> Model:
    """Builds the recurrent convolutional network.

    Pass p takes the logits of pass p − 1 (initially zeros) and the image, reduced to their size.
    All passes share the convolutions, so that further passes add context but no convolution.

    Args:
        num_classes: number of classes, including the background.
        input_shape: height, width and channels of the images; None for any height or width.
        norm: normalization policy: `"batch"`, `"frozen"`, `"group"`, `"sync"` or `"none"` (paper).
            Passes have separate normalizations.
        passes: number of times the network is applied; 2 and 3 in the paper.
        conv_filters: filters of each convolution; 2×2 max pooling follows each but the last.
        kernel_size: kernel size of each convolution.
        dropout: dropout rate after the last feature map, in [0, 1).
        activation: activation function behind every convolution.
        auxiliary_weight: weight of the loss of each earlier pass; 0 removes their outputs.
        name: name of the model.

    Returns:
        A model from images (B, H, W, C) in [0, 255] to `{"segmentation": logits}`, logits
        (B, H, W, num_classes) of the last pass, and `"auxiliary1"`, `"auxiliary2"` … of the same
        shape, those of the earlier passes, if `auxiliary_weight` is above 0.

    Raises:
        InputError: if an argument is out of its range.
    """
    check_minimum(1, num_classes=num_classes, passes=passes, conv_filters=conv_filters)
    check_minimum(1, kernel_size=kernel_size)
    check_minimum(0, auxiliary_weight=auxiliary_weight)
    stride = 2 ** (len(conv_filters) - 1)
    images = keras.Input(input_shape, name="image")
    padded = PadToMultiple(stride**passes, name="pad")(images)
    image = PixelNormalization(name="normalize")(padded)
    convolutions = shared_convolutions(conv_filters, kernel_size, norm)
    classifier = layers.Conv2D(num_classes, 1, name="logits")
    outputs, x = {}, ZeroMaps(num_classes, name="initial_logits")(image)
    for number in range(1, passes + 1):
        prefix = f"pass{number}"
        if number > 1:
            image = layers.AveragePooling2D(stride, name=f"{prefix}_shrink")(image)
        x = layers.Concatenate(name=f"{prefix}_input")([image, x])
        x = apply_convolutions(x, convolutions, norm, activation, prefix)
        x = classifier(layers.Dropout(dropout, name=f"{prefix}_dropout")(x))
        if number == passes or auxiliary_weight:
            output = "segmentation" if number == passes else f"auxiliary{number}"
            y = ResizeLike(name=f"{prefix}_resize")([x, padded])
            outputs[output] = segmentation_output(y, images, output)
    weights = {output: auxiliary_weight for output in outputs if output != "segmentation"}
    return Model(images, outputs, task="segmentation", loss_weights=weights, name=name)


@keras.saving.register_keras_serializable(package="zoo")
class ZeroMaps(MapLayer):
    """Returns zeros (N, H, W, channels) for a map (N, H, W, C), in its dtype."""

    def __init__(self, channels: int, **kwargs):
        super().__init__(**kwargs)
        self.channels = check_positive(channels, "channels")

    def call(self, inputs):
        return ops.repeat(ops.zeros_like(inputs[..., :1]), self.channels, axis=-1)

    def compute_output_shape(self, input_shape):
        return (*check_map(input_shape, "ZeroMaps")[:3], self.channels)
