"""Encoder and decoder whose ways back up can be exchanged, so that they compare like for like."""

from __future__ import annotations

import keras
from keras import layers

from zoo.cards import Paper
from zoo.errors import InputError, nearest
from zoo.layers.bilinear import BilinearInitializer
from zoo.layers.conv_blocks import conv_block
from zoo.layers.max_unpooling import MaxPoolWithIndices, MaxUnpool
from zoo.layers.padding import CropLike, PadToMultiple
from zoo.layers.pixel_normalization import PixelNormalization
from zoo.layers.transposed_conv import TransposedConv2D
from zoo.layers.unpooling import BedOfNailsUnpooling, BilinearUnpooling, NearestUnpooling
from zoo.model import Model
from zoo.registry import register

UPSAMPLINGS = ("nearest", "bed_of_nails", "bilinear", "max_unpool", "transpose")


@register(
    "encoder_decoder",
    task="segmentation",
    summary="pooling down, and one of five ways back up: nearest, nails, bilinear, max, transposed",
    paper=Paper("V. Badrinarayanan, A. Kendall, R. Cipolla", "SegNet", "TPAMI", 2017),
    published={"num_classes": 21, "upsampling": "transpose"},
    expected_parameters=12_551_381,
    tiny={"num_classes": 3, "depth": 2, "filters": 8, "upsampling": "transpose"},
    notes=(
        "A textbook network, not a published system; SegNet's paper compares decoders in the same "
        "way. All five forms have the same layers but for the step up; only transpose adds weights."
    ),
)
def encoder_decoder(
    *,
    num_classes: int = 21,
    input_shape: tuple[int | None, int | None, int] = (None, None, 3),
    norm: str | None = "batch",
    upsampling: str = "nearest",
    depth: int = 4,
    filters: int = 64,
    name: str = "encoder_decoder",
) -> Model:
    """Encoder and decoder without skips.

    Args:
        num_classes: classes, background included.
        input_shape: height, width (None = any) and channels of the images, pixels 0…255.
        norm: `"batch"`, `"frozen"`, `"group"`, `"sync"` or `"none"`.
        upsampling: how a map doubles: `"nearest"` repeats each value; `"bed_of_nails"` puts it in
            the corner of a window of zeros; `"bilinear"` interpolates; `"max_unpool"` puts it
            where the encoder's maximum stood; `"transpose"` learns a 3×3 transposed convolution,
            which begins as interpolation.
        depth: poolings.
        filters: maps of the first level; they double at each, up to eight times.
        name: of the model.

    Returns:
        A model from (B, H, W, C) to `{"segmentation": logits}` of shape (B, H, W, num_classes).

    Raises:
        InputError: an unknown upsampling, or num_classes, depth or filters below 1.
    """
    if upsampling not in UPSAMPLINGS:
        hint = nearest(str(upsampling), UPSAMPLINGS)
        raise InputError(
            f"encoder_decoder: upsampling {upsampling!r} is unknown{hint} "
            f"There are: {', '.join(UPSAMPLINGS)}."
        )
    if min(num_classes, depth, filters) < 1:
        raise InputError("encoder_decoder: num_classes, depth and filters are at least 1.")
    widths = [filters * 2 ** min(level, 3) for level in range(depth)]
    images = keras.Input(input_shape, name="image")
    x = PadToMultiple(2**depth, name="pad")(images)
    x = PixelNormalization(127.5, 127.5, name="normalize")(x)
    switches = []
    for level, width in enumerate(widths, start=1):
        x = _two_convolutions(x, (width, width), norm, f"down{level}")
        x, places = _pool(x, upsampling, f"pool{level}")
        switches.append(places)
    for level in range(depth, 0, -1):
        width = widths[level - 1]
        x = _double(x, switches[level - 1], upsampling, f"double{level}")
        # Switches are per channel, so a level's width changes only after its unpooling.
        x = _two_convolutions(x, (width, widths[max(level - 2, 0)]), norm, f"up{level}")
    x = layers.Conv2D(num_classes, 1, name="logits")(x)
    x = CropLike(name="crop")([x, images])
    x = layers.Activation("linear", dtype="float32", name="segmentation")(x)
    return Model(images, {"segmentation": x}, task="segmentation", name=name)


def _two_convolutions(x, widths: tuple[int, int], norm: str | None, name: str):
    for number, width in enumerate(widths, start=1):
        x = conv_block(x, width, 3, norm=norm, name=f"{name}_{number}")
    return x


def _pool(x, upsampling: str, name: str):
    """2×2 max pooling, and the places of the maxima where they are asked for."""
    if upsampling == "max_unpool":
        return MaxPoolWithIndices(2, name=name)(x)
    return layers.MaxPooling2D(2, name=name)(x), None


def _double(x, switches, upsampling: str, name: str):
    if upsampling == "max_unpool":
        return MaxUnpool(2, name=name)([x, switches])
    if upsampling == "transpose":
        # At random each of the four pixels of a cell would begin with another mix of channels.
        begin = BilinearInitializer(2)
        return TransposedConv2D(
            x.shape[-1], 3, 2, padding=1, output_padding=1, kernel_initializer=begin, name=name
        )(x)
    kinds = {
        "nearest": NearestUnpooling,
        "bed_of_nails": BedOfNailsUnpooling,
        "bilinear": BilinearUnpooling,
    }
    return kinds[upsampling](2, name=name)(x)
