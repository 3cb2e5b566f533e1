"""rCNN: the same network again on its own answer and a smaller image (Pinheiro & Collobert).

*Recurrent Convolutional Neural Networks for Scene Labeling*, ICML 2014.
"""

from __future__ import annotations

from collections.abc import Sequence

import keras
from keras import layers, ops

from zoo.cards import Paper, PublishedResult
from zoo.errors import InputError
from zoo.layers.normalization_policy import normalization, normalizes
from zoo.layers.padding import CropLike, PadToMultiple
from zoo.layers.pixel_normalization import PixelNormalization
from zoo.layers.resize import ResizeLike
from zoo.layers.shapes import MapLayer, check_map, check_positive
from zoo.model import Model
from zoo.registry import register


@register(
    "recurrent_cnn",
    task="segmentation",
    summary="one small network applied several times, each time on a smaller image and its "
    "own last answer",
    paper=Paper(
        "P. Pinheiro, R. Collobert",
        "Recurrent Convolutional Neural Networks for Scene Labeling",
        "ICML",
        2014,
    ),
    published={"num_classes": 33, "norm": "none", "passes": 3},
    expected_parameters=139_358,
    flops_size=(240, 320),
    tiny={"num_classes": 3, "filters": (8, 8), "kernel_size": 4, "passes": 2},
    published_results=(
        PublishedResult("pixel accuracy", "77.7 %", "SIFT Flow, three passes", "FCN paper's table"),
        PublishedResult("class accuracy", "29.8 %", "SIFT Flow, three passes", "FCN paper's table"),
    ),
    notes=(
        "Not recurrent over space or time, and no relation of R-CNN. Each pass halves the scale; "
        "answers are enlarged to the image. Widths, kernels and wiring follow accounts of the "
        "paper, not its text."
    ),
)
def recurrent_cnn(
    *,
    num_classes: int = 33,
    input_shape: tuple[int | None, int | None, int] = (None, None, 3),
    norm: str | None = "batch",
    passes: int = 2,
    filters: Sequence[int] = (25, 50),
    kernel_size: int = 8,
    dropout: float = 0.0,
    activation: str = "tanh",
    auxiliary_weight: float = 1.0,
    name: str = "recurrent_cnn",
) -> Model:
    """The recurrent convolutional network.

    Pass p takes the image, shrunk to the size of the class maps of pass p − 1, stacked with those
    maps (zeros at first); the same convolutions serve every pass, so context grows with the passes
    and the number of weights does not.

    Args:
        num_classes: classes, background included.
        input_shape: height, width (None = any) and channels of the images, pixels 0…255.
        norm: `"batch"`, `"frozen"`, `"group"`, `"sync"` or `"none"` (the paper has none); each pass
            has normalisations of its own, since what it sees has statistics of its own.
        passes: how often the network is applied; the paper has two and three.
        filters: maps of each convolution; 2×2 max pooling between them.
        kernel_size: of each convolution.
        dropout: share of the last maps dropped in training.
        activation: behind every convolution.
        auxiliary_weight: factor of the loss of the earlier passes; 0 trains the last alone.
        name: of the model.

    Returns:
        A model from (B, H, W, C) to `{"segmentation": logits}` of shape (B, H, W, num_classes), the
        last pass, and `"auxiliary1"`, `"auxiliary2"` … of the same shape, the earlier ones, if
        `auxiliary_weight` is above 0.

    Raises:
        InputError: numbers out of range.
    """
    if min(num_classes, passes, kernel_size, len(filters), *filters) < 1 or auxiliary_weight < 0:
        raise InputError(
            "recurrent_cnn: num_classes, passes, kernel_size and filters are at least 1, "
            "auxiliary_weight at least 0."
        )
    stride = 2 ** (len(filters) - 1)
    images = keras.Input(input_shape, name="image")
    padded = PadToMultiple(stride**passes, name="pad")(images)
    image = PixelNormalization(name="normalize")(padded)
    shared = _shared_layers(num_classes, filters, kernel_size, norm)
    outputs, x = {}, EmptyMaps(num_classes, name="no_answer")(image)
    for number in range(1, passes + 1):
        if number > 1:
            image = layers.AveragePooling2D(stride, name=f"pass{number}_shrink")(image)
        x = layers.Concatenate(name=f"pass{number}_input")([image, x])
        x = _one_pass(x, shared, norm, activation, dropout, f"pass{number}")
        last = number == passes
        if last or auxiliary_weight:
            output = "segmentation" if last else f"auxiliary{number}"
            y = ResizeLike(name=f"pass{number}_enlarge")([x, padded])
            y = CropLike(name=f"pass{number}_crop")([y, images])
            outputs[output] = layers.Activation("linear", dtype="float32", name=output)(y)
    weights = {output: auxiliary_weight for output in outputs if output != "segmentation"}
    return Model(images, outputs, task="segmentation", loss_weights=weights, name=name)


def _shared_layers(num_classes: int, filters: Sequence[int], kernel_size: int, norm: str | None):
    convolutions = [
        layers.Conv2D(
            maps,
            kernel_size,
            padding="same",
            use_bias=not normalizes(norm),
            name=f"conv{number}",
        )
        for number, maps in enumerate(filters, start=1)
    ]
    return [*convolutions, layers.Conv2D(num_classes, 1, name="logits")]


def _one_pass(x, shared, norm: str | None, activation: str, dropout: float, place: str):
    *convolutions, classes = shared
    for number, convolution in enumerate(convolutions, start=1):
        x = convolution(x)
        x = normalization(norm, f"{place}_norm{number}")(x)
        x = layers.Activation(activation, name=f"{place}_act{number}")(x)
        if number < len(convolutions):
            x = layers.MaxPooling2D(2, name=f"{place}_pool{number}")(x)
    x = layers.Dropout(dropout, name=f"{place}_dropout")(x)
    return classes(x)


@keras.saving.register_keras_serializable(package="zoo")
class EmptyMaps(MapLayer):
    """Zeros (N, H, W, maps) beside a map (N, H, W, C), in its dtype."""

    def __init__(self, maps: int, **kwargs):
        super().__init__(**kwargs)
        self.maps = check_positive(maps, "maps")

    def call(self, inputs):
        return ops.repeat(ops.zeros_like(inputs[..., :1]), self.maps, axis=-1)

    def compute_output_shape(self, input_shape):
        return (*check_map(input_shape, "EmptyMaps")[:3], self.maps)

    def get_config(self):
        return {**super().get_config(), "maps": self.maps}
