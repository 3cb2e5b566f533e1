"""Encoder and decoder with five kinds of upsampling, for comparing them."""

from __future__ import annotations

import keras
from keras import layers

from zoo.argument_checks import check_choice, check_minimum
from zoo.cards import Paper
from zoo.layers.bilinear import BilinearInitializer
from zoo.layers.conv_blocks import conv_block
from zoo.layers.max_unpooling import MaxPoolWithIndices, MaxUnpool
from zoo.layers.padding import PadToMultiple
from zoo.layers.pixel_normalization import PixelNormalization
from zoo.layers.transposed_conv import TransposedConv2D
from zoo.layers.unpooling import BedOfNailsUnpooling, BilinearUnpooling, NearestUnpooling
from zoo.model import Model
from zoo.registry import register
from zoo.segmentation.segmentation_head import segmentation_output

UNPOOLINGS = {
    "nearest": NearestUnpooling,
    "bed_of_nails": BedOfNailsUnpooling,
    "bilinear": BilinearUnpooling,
}
UPSAMPLINGS = (*UNPOOLINGS, "max_unpool", "transpose")


@register(
    "encoder_decoder",
    task="segmentation",
    summary="max pooling, and one of five kinds of upsampling: nearest to transposed convolution",
    paper=Paper("V. Badrinarayanan, A. Kendall, R. Cipolla", "SegNet", "TPAMI", 2017),
    published={"num_classes": 21, "upsampling": "transpose"},
    expected_parameters=12_551_381,
    tiny={"num_classes": 3, "depth": 2, "filters": 8, "upsampling": "transpose"},
    notes=(
        "A textbook network, not a published system; SegNet's paper compares decoders in this way. "
        "The five variants differ in the upsampling layers alone; only transpose adds weights."
    ),
)
def encoder_decoder(
    *,
    num_classes: int = 21,
    input_shape: tuple[int | None, int | None, int] = (None, None, 3),
    norm: str = "batch",
    upsampling: str = "nearest",
    depth: int = 4,
    filters: int = 64,
    name: str = "encoder_decoder",
) -> Model:
    """Builds an encoder and decoder without skip connections.

    Args:
        num_classes: number of classes, including the background.
        input_shape: height, width and channels of the images; None for any height or width.
        norm: normalization policy: `"batch"`, `"frozen"`, `"group"`, `"sync"` or `"none"`.
        upsampling: kind of upsampling by 2: `"nearest"` repeats each value; `"bed_of_nails"` places
            it in the corner of a window of zeros; `"bilinear"` interpolates; `"max_unpool"` places
            it where the encoder's maximum was; `"transpose"` is a 3×3 transposed convolution
            initialized as bilinear interpolation.
        depth: number of encoder levels, each followed by a pooling.
        filters: filters of the first level, doubled at each further level up to eight times.
        name: name of the model.

    Returns:
        A model from images (B, H, W, C) in [0, 255] to `{"segmentation": logits}`, logits
        (B, H, W, num_classes).

    Raises:
        InputError: if an argument is out of its range.
    """
    check_choice("upsampling", upsampling, UPSAMPLINGS)
    check_minimum(1, num_classes=num_classes, depth=depth, filters=filters)
    widths = [filters * 2 ** min(level, 3) for level in range(depth)]
    images = keras.Input(input_shape, name="image")
    x = PadToMultiple(2**depth, name="pad")(images)
    x = PixelNormalization(127.5, 127.5, name="normalize")(x)
    indices = []
    for level, width in enumerate(widths, start=1):
        x = _two_convolutions(x, (width, width), norm, f"down{level}")
        x, maxima = _pool(x, upsampling, f"pool{level}")
        indices.append(maxima)
    for level in range(depth, 0, -1):
        width = widths[level - 1]
        x = _upsample(x, indices[level - 1], upsampling, f"double{level}")
        # Pooling indices are per channel, so a level's width changes only after its unpooling.
        x = _two_convolutions(x, (width, widths[max(level - 2, 0)]), norm, f"up{level}")
    x = layers.Conv2D(num_classes, 1, name="logits")(x)
    outputs = {"segmentation": segmentation_output(x, images)}
    return Model(images, outputs, task="segmentation", name=name)


def _two_convolutions(x, widths: tuple[int, int], norm: str, name: str):
    for number, width in enumerate(widths, start=1):
        x = conv_block(x, width, 3, norm=norm, name=f"{name}_{number}")
    return x


def _pool(x, upsampling: str, name: str):
    """2×2 max pooling; returns the pooling indices too if the upsampling needs them."""
    if upsampling == "max_unpool":
        return MaxPoolWithIndices(2, name=name)(x)
    return layers.MaxPooling2D(2, name=name)(x), None


def _upsample(x, indices, upsampling: str, name: str):
    if upsampling == "max_unpool":
        return MaxUnpool(2, name=name)([x, indices])
    if upsampling == "transpose":
        # Random kernels would start with a different mix of channels in each pixel of a cell.
        start = BilinearInitializer(2)
        return TransposedConv2D(
            x.shape[-1], 3, 2, padding=1, output_padding=1, kernel_initializer=start, name=name
        )(x)
    return UNPOOLINGS[upsampling](2, name=name)(x)
